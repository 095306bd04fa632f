"""A panel for each place of the grid: rows are data sets and numbers of training points, columns latent sizes."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.reporting import figures
from bench.reporting.figures import Look
from bench.results.grid import Place


def place_panels(
    places: Iterable[Place], xlabel: str, ylabel: str, *, share_x: bool = True
) -> tuple[Figure, dict[Place, Axes]]:
    """The figure, and each place's axes with its title; axes of a row share their ranges (or that of y alone)."""
    groups = [list(group) for _, group in groupby(places, key=lambda place: place[:2])]
    figure, panels = figures.panel_grid([len(group) for group in groups], share_x=share_x)
    found = {}
    for group, row in zip(groups, panels, strict=True):
        columns = row[0].get_subplotspec().get_gridspec().ncols  # type: ignore[union-attr]  # made by a grid
        for i, (place, ax) in enumerate(zip(group, row, strict=True)):
            above = f"{place.dataset}, {place.n_train} training points\n" if i == 0 else ""
            ax.set_title(f"{above}z = {place.z}", loc="left", fontsize=9, parse_math=False)
            if i % columns == 0:
                ax.set_ylabel(ylabel)
            if i + columns >= len(row):
                ax.set_xlabel(xlabel)
            found[place] = ax
    return figure, found


def legend(looks: dict[str, Look], *, line: bool = True) -> dict[str, Line2D]:
    """An entry for each algorithm."""
    width = 1.5 if line else 0
    return {
        name: Line2D([], [], color=look.colour, marker=look.marker, markersize=5, linewidth=width)
        for name, look in looks.items()
    }
