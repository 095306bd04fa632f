"""Figures made of small images: mosaics, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from bench.drawing import figures

Array = NDArray[np.float32]

PANEL = 2.1  # inches


def mosaic(images: Array, gap: int = 1) -> Array:
    """Images [R, C, h, w] as one [R (h + gap) - gap, C (w + gap) - gap], with white lines between."""
    rows, columns, height, width = images.shape
    sheet = np.ones((rows, height + gap, columns, width + gap), dtype=np.float32)
    sheet[:, :height, :, :width] = images.transpose(0, 2, 1, 3)
    return sheet.reshape(rows * (height + gap), columns * (width + gap))[: -gap or None, : -gap or None]


def draw(panels: Sequence[Sequence[tuple[str, Array]]], caption: Sequence[str], width: float = PANEL) -> Figure:
    """Rows of titled mosaics, ``width`` inches each; rows may differ in length.  Dark is 0, white is 1."""
    with figures.style():
        columns = max(len(row) for row in panels)
        heights = [max(sheet.shape[0] / sheet.shape[1] for _, sheet in row) * width + 0.25 for row in panels]
        figure = Figure(figsize=(max(columns * (width + 0.1), 4.0), sum(heights)), layout="constrained")
        grid = figure.add_gridspec(len(panels), columns, height_ratios=heights)
        for i, row in enumerate(panels):
            for j, (title, sheet) in enumerate(row):
                ax = figure.add_subplot(grid[i, j])
                ax.imshow(sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
                ax.set_title(title, loc="left", fontsize=8, parse_math=False)
                ax.set_axis_off()
        figures.add_legends_and_caption(figure, [], caption)
    return figure
