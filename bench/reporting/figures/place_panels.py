"""One panel per place of the grid: rows are data sets and numbers of training points, columns latent sizes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.reporting.figures.grid import label_panels, panel_grid
from bench.results.grid import Place


def place_panels(
    places: Iterable[Place], xlabel: str, ylabel: str, *, share_x: bool = True
) -> tuple[Figure, dict[Place, Axes]]:
    """The figure, and the axes of each place with their title; the axes of a row share their ranges (or that of y)."""
    groups = [list(group) for _, group in groupby(places, key=lambda place: place[:2])]
    figure, rows = panel_grid([len(group) for group in groups], share_x=share_x)
    panels: dict[Place, Axes] = {}
    for group, row in zip(groups, rows, strict=True):
        heading = f"{group[0].dataset}, {group[0].n_train} training points"
        label_panels(row, [f"z = {place.z}" for place in group], heading, xlabel, ylabel)
        panels.update(zip(group, row, strict=True))
    return figure, panels
