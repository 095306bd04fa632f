"""Legends above the panels and the caption below them."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from itertools import accumulate

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from bench.reporting.figures.looks import GREY

LEGEND_LINE, CAPTION_LINE = 0.18, 0.165  # inches
CAPTION_CHARACTERS = 17  # per inch


def add_legends_and_caption(figure: Figure, legends: Sequence[dict[str, Line2D]], caption: Sequence[str]) -> None:
    """Make room above the panels for the legends, one below the other, and below them for the caption's paragraphs."""
    width, height = figure.get_size_inches()
    lines = [line for text in caption for line in textwrap.wrap(text, int(width * CAPTION_CHARACTERS))]
    columns = [_columns(list(entries), width) for entries in legends]
    heights = [math.ceil(len(entries) / n) * LEGEND_LINE + 0.06 for entries, n in zip(legends, columns, strict=True)]
    bottom = CAPTION_LINE * len(lines) + 0.1
    total = height + sum(heights) + bottom
    figure.set_size_inches(width, total)
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.set(rect=(0, bottom / total, 1, height / total))  # type: ignore[call-arg]  # the constrained one has it
    for i, (entries, n) in enumerate(zip(legends, columns, strict=True)):
        _add_legend(figure, entries, n, 1 - sum(heights[:i]) / total)
    for i, line in enumerate(lines):
        y = (bottom - 0.1 - i * CAPTION_LINE) / total
        figure.text(0.1 / width, y, line, size=8, color=GREY, va="top", parse_math=False)


def _columns(names: list[str], width: float) -> int:
    """The number of columns that fit; matplotlib fills them downwards, the first ones with one entry more."""
    for n in range(len(names), 1, -1):
        rows, more = divmod(len(names), n)
        ends = list(accumulate(rows + (i < more) for i in range(n)))
        longest = [max(map(len, names[start:end])) for start, end in zip([0, *ends], ends, strict=False)]
        if sum(0.066 * length + 0.65 for length in longest) <= width:
            return n
    return 1


def _add_legend(figure: Figure, entries: dict[str, Line2D], columns: int, top: float) -> None:
    legend = figure.legend(
        handles=list(entries.values()),
        labels=["-"] * len(entries),  # before 3.10 matplotlib leaves out what begins with an underscore
        loc="upper left",
        bbox_to_anchor=(0.0, top),
        ncols=columns,
        frameon=False,
        borderpad=0,
        borderaxespad=0.2,
        labelspacing=0.35,
        columnspacing=1.6,
    )
    for text, name in zip(legend.get_texts(), entries, strict=True):
        text.set_parse_math(False)
        text.set_text(name)
