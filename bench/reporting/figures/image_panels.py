"""Figures made of small images: mosaics, side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.reporting.figures.legends import add_legends_and_caption
from bench.reporting.figures.looks import style
from bench.reporting.figures.titles import set_title, with_heading
from bench.reporting.tables.formatting import broken

Array = NDArray[np.float32]

PANEL = 2.1  # inches
COLUMNS = 4  # panels side by side, at most
TITLE_CHARACTERS = 16  # per inch
TITLE_LINE = 0.15  # inches


@dataclass(frozen=True)
class Row:
    """Titled mosaics side by side, with a ``heading`` above the first (none if it is empty)."""

    heading: str
    panels: Sequence[tuple[str, Array]]


def mosaic(images: Array, gap: int = 1) -> Array:
    """Images [R, C, h, w] as one [R (h + gap) - gap, C (w + gap) - gap], with white lines between."""
    rows, columns, height, width = images.shape
    sheet = np.ones((rows, height + gap, columns, width + gap), dtype=np.float32)
    sheet[:, :height, :, :width] = images.transpose(0, 2, 1, 3)
    return sheet.reshape(rows * (height + gap), columns * (width + gap))[: -gap or None, : -gap or None]


def draw(rows: Sequence[Row], caption: Sequence[str], width: float = PANEL) -> Figure:
    """Rows of mosaics, ``width`` inches each; long rows are broken.  0 is black, 1 is white."""
    with style():
        rows = [part for row in rows for part in _parts(row)]
        columns = max(len(row.panels) for row in rows)
        titles = [_titles(row, width) for row in rows]
        heights = [max(sheet.shape[0] / sheet.shape[1] for _, sheet in row.panels) * width for row in rows]
        room = sum((max(title.count("\n") for title in row_titles) + 1) * TITLE_LINE + 0.1 for row_titles in titles)
        figure = Figure(figsize=(max(columns * (width + 0.1), 4.0), sum(heights) + room), layout="constrained")
        grid = figure.add_gridspec(len(rows), columns, height_ratios=heights)
        for i, row in enumerate(rows):
            for j, (title, (_, sheet)) in enumerate(zip(titles[i], row.panels, strict=True)):
                ax = figure.add_subplot(grid[i, j])
                ax.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="antialiased")  # if shrunk
                set_title(ax, title, size=8)
                ax.set_axis_off()
        add_legends_and_caption(figure, [], [text for text in caption if text])
    return figure


def _parts(row: Row) -> list[Row]:
    """The row in parts of at most COLUMNS panels, nearly equally long."""
    count = math.ceil(len(row.panels) / math.ceil(len(row.panels) / COLUMNS))
    starts = range(0, len(row.panels), count)
    return [Row(row.heading if i == 0 else "", row.panels[i : i + count]) for i in starts]


def _titles(row: Row, width: float) -> list[str]:
    """The panels' titles, broken to fit; the heading is above all of them."""
    titles = [broken(name, int(width * TITLE_CHARACTERS)) for name, _ in row.panels]
    return with_heading(row.heading, titles) if row.heading else titles
