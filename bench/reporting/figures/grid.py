"""A grid of panels: groups of them share their axes and begin a new row."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench.reporting.figures.looks import GREY
from bench.reporting.figures.titles import set_title

COLUMNS = 4  # panels side by side, at most
PANEL_SIZE = (3.0, 2.5)  # inches


def panel_grid(groups: Sequence[int], most: int = COLUMNS, *, share_x: bool = True) -> tuple[Figure, list[list[Axes]]]:
    """A figure with ``groups[g]`` panels for each group: a group begins a new row and shares its axes (or y alone).

    Rows hold at most ``most`` panels; longer groups are broken into rows that are nearly equally long.
    """
    columns = max(math.ceil(count / math.ceil(count / most)) for count in groups)
    rows = sum(math.ceil(count / columns) for count in groups)
    width, height = PANEL_SIZE if columns > 1 else (5.0, 3.2)
    figure = Figure(figsize=(max(columns * width + 0.6, 6.4), rows * height), layout="constrained")
    grid = figure.add_gridspec(rows, columns)
    panels: list[list[Axes]] = []
    row = 0
    for count in groups:
        axes: list[Axes] = []
        for i in range(count):
            shared = axes[0] if axes else None
            ax = figure.add_subplot(
                grid[row + i // columns, i % columns], sharex=shared if share_x else None, sharey=shared
            )
            ax.tick_params(colors=GREY, labelcolor="black", labelleft=i % columns == 0)
            ax.grid(True, color="0.9", linewidth=0.6)
            ax.set_axisbelow(True)
            axes.append(ax)
        panels.append(axes)
        row += math.ceil(count / columns)
    return figure, panels


def columns_of(axes: Axes) -> int:
    """How many columns the grid has that ``axes`` is a panel of."""
    spec = axes.get_subplotspec()
    assert spec is not None  # noqa: S101  # made by `panel_grid`
    return int(spec.get_gridspec().ncols)


def label_panels(row: Sequence[Axes], titles: Sequence[str], heading: str, xlabel: str, ylabel: str) -> None:
    """Titles of the panels of one group, the first below a ``heading``, and labels on the outer axes."""
    columns = columns_of(row[0])
    for i, (ax, title) in enumerate(zip(row, titles, strict=True)):
        set_title(ax, f"{heading}\n{title}" if i == 0 else title)
        if i % columns == 0:
            ax.set_ylabel(ylabel)
        if i + columns >= len(row):
            ax.set_xlabel(xlabel)
