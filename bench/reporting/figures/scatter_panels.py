"""Figures of the test data in the plane of two latent dimensions: one panel per model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from bench.reporting.figures.grid import columns_of, panel_grid
from bench.reporting.figures.legends import add_legends_and_caption
from bench.reporting.figures.looks import Look, looks, style
from bench.reporting.figures.titles import set_title, with_heading
from bench.reporting.tables.formatting import broken

TITLE_CHARACTERS = 32
PORTIONS = 10


@dataclass(frozen=True)
class Scatter:
    """The codes z [N, 2] of one model, and the name of each point's label (empty if it has none)."""

    heading: str  # of the group whose panels share their axes
    title: str
    z: NDArray[np.float32]
    names: Sequence[str]


def draw(scatters: Sequence[Scatter], caption: Sequence[str]) -> Figure:
    """A row of panels for each heading; a label looks the same in all of them."""
    groups = [list(group) for _, group in groupby(scatters, key=lambda scatter: scatter.heading)]
    with style():
        every = {name for scatter in scatters for name in scatter.names}
        chosen = looks(sorted(every, key=lambda name: (len(name), name)))
        figure, axes = panel_grid([len(group) for group in groups])
        width, height = figure.get_size_inches()
        figure.set_size_inches(max(0.8 * width, 4.5), height)  # the panels are squares
        for group, row in zip(groups, axes, strict=True):
            titles = with_heading(group[0].heading, [broken(scatter.title, TITLE_CHARACTERS) for scatter in group])
            furthest = max([2.0, *(float(np.abs(s.z[np.isfinite(s.z)]).max(initial=0)) for s in group)]) * 1.05
            columns = columns_of(row[0])
            for i, (scatter, ax) in enumerate(zip(group, row, strict=True)):
                _draw_points(ax, scatter, chosen)
                set_title(ax, titles[i])
                ax.set(xlim=(-furthest, furthest), ylim=(-furthest, furthest), xlabel="z1", aspect="equal")
                for axis in (ax.xaxis, ax.yaxis):
                    axis.set_major_locator(MaxNLocator(6, steps=[1, 2, 5, 10]))
                if i % columns == 0:
                    ax.set_ylabel("z2")
        add_legends_and_caption(figure, _legends(chosen), [text for text in caption if text])
    return figure


def _draw_points(ax: Axes, scatter: Scatter, looks: Mapping[str, Look]) -> None:
    """Draw in portions, each with points of all labels, so that the last label does not cover the others."""
    names = np.asarray(scatter.names, dtype=object)
    for portion in np.array_split(np.arange(len(names)), PORTIONS):
        for name, look in looks.items():
            x, y = scatter.z[portion[names[portion] == name]].T
            if len(x):
                ax.scatter(x, y, s=9, color=look.colour, marker=look.marker, linewidths=0, alpha=0.7)


def _legends(looks: Mapping[str, Look]) -> list[dict[str, Line2D]]:
    entries = {
        name: Line2D([], [], color=look.colour, marker=look.marker, markersize=5, linestyle="none")
        for name, look in looks.items()
        if name
    }
    return [entries] if entries else []
