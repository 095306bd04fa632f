"""Figures as PNG, SVG and PDF files; the page holds the same PNG.

The layout of a figure is fixed before the first file is written, since matplotlib would recompute it for each file,
with slightly different results.  The same results give the same bytes.
"""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from bench.reporting.figures.looks import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

DOTS = 200  # per inch
DIGITS = 6  # of positions: the layout's solver finds the others differently each time
COMPRESSION = 3  # of PNG files; 6, the default, takes twice the time for a tenth of the size
_UNDATED: dict[str, dict[str, None]] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}


def image_files(figure: Figure, name: str, formats: Sequence[str]) -> dict[str, bytes]:
    """The content of a file in each of the ``formats`` png, svg and pdf; ``name`` seeds the identifiers in SVG."""
    with style(), mpl.rc_context({"svg.hashsalt": name}):
        extent = fix_layout(figure)
        return {format_: _content(figure, format_, extent) for format_ in formats}


def fix_layout(figure: Figure) -> Bbox:
    """Fix the figure's layout; returns the rectangle that contains all of the figure, in inches, with a margin."""
    if figure.canvas.manager is None:
        FigureCanvasAgg(figure)  # measures all texts with one renderer; the plain canvas makes one for each
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    figure.set_layout_engine(None)
    for axes in figure.axes:
        left, bottom, width, height = np.round(axes.get_position(original=True).bounds, DIGITS)
        axes.set_position((left, bottom, width, height))
        for axis in (axes.xaxis, axes.yaxis):
            _fix_label(axes, axis)
    return _on_dots(_extent(figure).padded(0.1))


def _fix_label(axes: Axes, axis: Axis) -> None:
    """Fix the position of an axis label, which would be recomputed from all ticks for each drawing."""
    if axis.label.get_text():
        axis.get_tightbbox()  # finds its place beside the ticks, where the panel is now
        on_screen = axis.label.get_transform().transform(axis.label.get_position())
        axis.set_label_coords(*np.round(axes.transAxes.inverted().transform(on_screen), DIGITS))


def _extent(figure: Figure) -> Bbox:
    """The rectangle in inches that contains the panels and any texts that extend beyond them."""
    children = [child for axes in figure.axes for child in axes.get_children()]
    texts = [child for child in children if isinstance(child, Text) and child.get_text()]
    boxes = [artist.get_window_extent() for artist in (*figure.texts, *figure.legends, *texts)]
    return Bbox.union([figure.bbox, *boxes]).transformed(figure.dpi_scale_trans.inverted())


def _on_dots(box: Bbox) -> Bbox:
    """The box with half a dot more than a whole number on each side, so that rounding does not change that number."""
    width, height = (math.ceil(side * DOTS) + 0.5 for side in box.size)
    return Bbox.from_bounds(box.x0, box.y0, width / DOTS, height / DOTS)


def _content(figure: Figure, format_: str, extent: Bbox) -> bytes:
    content = io.BytesIO()
    if format_ == "png":
        figure.savefig(content, format="png", dpi=DOTS, bbox_inches=extent, pil_kwargs={"compress_level": COMPRESSION})
    else:
        figure.savefig(content, format=format_, dpi=DOTS, bbox_inches=extent, metadata=_UNDATED[format_])
    return content.getvalue()
