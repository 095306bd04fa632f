"""The look that all figures share: competitors' colours, a grid of panels, a legend above and a caption below.

Only matplotlib's objects are used, never pyplot, so that nothing depends on what was drawn before; settings hold inside
`style` and nowhere else.  Names come from users: none is read as TeX.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import accumulate
from weakref import WeakKeyDictionary

import matplotlib.style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator
from matplotlib.transforms import Bbox

COLUMNS = 4  # panels side by side, at most
PANEL_SIZE = (3.0, 2.5)  # inches
GREY = "0.35"
LEGEND_LINE, CAPTION_LINE = 0.18, 0.165  # inches
CAPTION_CHARACTERS = 17  # an inch
_MARKERS = "osD^vPX*<>"
_EXTENTS: WeakKeyDictionary[Figure, Bbox] = WeakKeyDictionary()


@dataclass(frozen=True)
class Look:
    """How one competitor is told from the others: by colour, and by marker where there is none (grey print)."""

    colour: tuple[float, float, float]
    marker: str


def looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each name; the colours can be told apart by colour-blind readers, and repeat after ten."""
    import seaborn as sns

    names = list(names)
    palette = sns.color_palette("colorblind", len(names))
    return {name: Look(tuple(palette[i]), _MARKERS[i % len(_MARKERS)]) for i, name in enumerate(names)}


def style() -> AbstractContextManager[None]:
    """The settings to draw in: matplotlib's own defaults, whatever the user's are, and little else."""
    changes = {"font.size": 9, "axes.spines.top": False, "axes.spines.right": False, "axes.edgecolor": GREY}
    return matplotlib.style.context(["default", changes])


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


def add_legends_and_caption(figure: Figure, legends: Sequence[dict[str, Line2D]], caption: Sequence[str]) -> None:
    """Make room above the panels for the legends, one below the other, and under them for the caption's paragraphs."""
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
        _legend(figure, entries, n, 1 - sum(heights[:i]) / total)
    for i, line in enumerate(lines):
        y = (bottom - 0.1 - i * CAPTION_LINE) / total
        figure.text(0.1 / width, y, line, size=8, color=GREY, va="top", parse_math=False)


def fix_layout(figure: Figure) -> None:
    """Lay it out once: each time that it is saved it would move a little, and take its time."""
    figure.draw_without_rendering()
    with style():  # in which no layout engine is the default
        figure.set_layout_engine(None)


def extent(figure: Figure) -> Bbox:
    """What a figure whose layout is fixed has drawn, in inches with a margin: what to save of it, found once."""
    if figure not in _EXTENTS:
        _EXTENTS[figure] = figure.get_tightbbox().padded(0.1)
    return _EXTENTS[figure]


def set_logarithmic(axes: Axes, values: Iterable[float], right: float = 0.04) -> tuple[float, float]:
    """A logarithmic x axis around ``values``, with a share of ``right`` beyond the largest; returns its ends.

    It spans a factor of 3 at least: on less there may be but one tick with a round label.
    """
    found = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    low, high = min(found), max(found)
    widen = math.sqrt(max(1.0, 3 * low / high))
    low, high = low / widen, high * widen
    axes.set_xscale("log")
    ends = low * (low / high) ** 0.04, high * (high / low) ** right
    axes.set_xlim(*ends)
    label_logarithmic(axes)
    return ends


def label_logarithmic(axes: Axes) -> None:
    """Label the x axis, once it has its range, between powers of ten only where there is too little without."""
    left, right = axes.get_xlim()
    ratio, plain = right / left, left > 1e-3 and right < 1e4
    labelled: tuple[float, ...] = (1.5, 2, 3, 4, 5, 6, 8) if plain else (1.5, 3, 5, 7)  # powers of ten need more room
    if ratio >= 4:
        labelled = (2, 5) if ratio < 30 else (3,) if ratio < 100 else ()
    scientific = LogFormatterSciNotation(minor_thresholds=(math.inf, math.inf))

    def label(x: float, _: object = None) -> str:
        return f"{x:g}" if plain else scientific(x)

    def label_some(x: float, _: object = None) -> str:
        mantissa = x / 10 ** math.floor(math.log10(x) + 1e-9)
        return label(x) if any(math.isclose(mantissa, each, rel_tol=1e-6) for each in labelled) else ""

    axes.xaxis.set_minor_locator(LogLocator(subs=(1.5, *range(2, 10)) if ratio < 4 else "auto", numticks=99))
    axes.xaxis.set_major_formatter(FuncFormatter(label))
    axes.xaxis.set_minor_formatter(FuncFormatter(label_some))
    axes.tick_params(axis="x", which="minor", pad=5)  # shorter ticks, labels at the height of the others


def _columns(names: list[str], width: float) -> int:
    """How many columns of a legend fit: matplotlib fills them downwards, the first ones with one entry more."""
    for n in range(len(names), 1, -1):
        rows, more = divmod(len(names), n)
        ends = list(accumulate(rows + (i < more) for i in range(n)))
        longest = [max(map(len, names[start:end])) for start, end in zip([0, *ends], ends, strict=False)]
        if sum(0.066 * length + 0.65 for length in longest) <= width:
            return n
    return 1


def _legend(figure: Figure, entries: dict[str, Line2D], columns: int, top: float) -> None:
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
