"""Figures of learning curves: one panel per latent size."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Literal, TypedDict

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter
from matplotlib.transforms import ScaledTranslation

from bench.reporting.curves.competitors import Competitor, Likelihood
from bench.reporting.figures.grid import COLUMNS, label_panels, panel_grid
from bench.reporting.figures.legends import add_legends_and_caption
from bench.reporting.figures.log_axis import label_logarithmic
from bench.reporting.figures.looks import GREY, Look, legend_entries, looks, style
from bench.statistics.curves import Band, entry, visible_range


class Hollow(TypedDict):
    """The look of a mark that is a log-likelihood."""

    markersize: float
    markerfacecolor: str
    markeredgewidth: float
    linestyle: Literal["none"]


class Excluded(TypedDict):
    """The look of the curve of a seed that is excluded from the mean."""

    linestyle: Literal[":"]
    linewidth: float
    marker: str
    markersize: float


DASHES: dict[str, Literal["-"] | tuple[float, Sequence[float]]] = {"test": "-", "train": (0, (4, 2))}
HOLLOW: Hollow = {"markersize": 5.5, "markerfacecolor": "white", "markeredgewidth": 1.2, "linestyle": "none"}
EXCLUDED: Excluded = {"linestyle": ":", "linewidth": 0.9, "marker": "x", "markersize": 4}


@dataclass(frozen=True)
class Wording:
    """The names on the axes and in the legend."""

    clock: str  # "training samples seen"
    quantity: str  # "lower bound"
    short: str  # "bound"
    estimator: str = ""  # of the final log-likelihoods
    linear: bool = False  # whether the clock's axis is linear, not logarithmic


APART, MOST_APART = 8, 48  # typographic points between hollow marks, and between the first and the last of them


@dataclass(frozen=True)
class Frame:
    """Axes with given ranges of x and y, and the unit of the numbers below the x axis."""

    x: tuple[float, float]
    y: tuple[float, float]
    unit: float = 1


def draw(
    competitors: Sequence[Competitor],
    words: Wording,
    caption: Sequence[str],
    frames: Mapping[str, Frame] | None = None,
    columns: int = COLUMNS,
) -> Figure:
    """A row of panels for each `Competitor.group`, whose panels share their axes; at most ``columns`` side by side.

    ``frames`` are the axes of some groups, by name; the others get ranges in which learning can be seen.
    """
    groups = [list(group) for _, group in groupby(competitors, key=lambda c: c.group)]
    panels = [[list(panel) for _, panel in groupby(group, key=lambda c: c.panel)] for group in groups]
    with style():
        chosen = looks(dict.fromkeys(c.algorithm for c in competitors))
        figure, axes = panel_grid([len(group) for group in panels], columns)
        for group, row in zip(panels, axes, strict=True):
            for panel, ax in zip(group, row, strict=True):
                _draw_panel(ax, panel, chosen, words)
            _label(row, group, words)
            frame = (frames or {}).get(group[0][0].group)
            if frame is None:
                _set_range(row[0], group, words)
            else:
                _set_frame(row[0], frame)
        legends = [legend_entries(chosen), _kinds(competitors, words)]
        add_legends_and_caption(figure, legends, caption)
    return figure


def _draw_panel(ax: Axes, panel: Sequence[Competitor], looks: dict[str, Look], words: Wording) -> None:
    ax.set_xscale("linear" if words.linear else "log")
    for competitor in panel:
        look = looks[competitor.algorithm]
        for x, y in competitor.excluded:
            name = f"{competitor.algorithm}, not in the mean"
            ax.plot(x, y, color=look.colour, markevery=[len(x) - 1], label=name, **EXCLUDED)
        for split, band in competitor.bands.items():
            _draw_band(ax, band, split, look, f"{competitor.algorithm}, {split}")
    for competitor, end, shift in _ends(panel):  # after all lines, so that they are on top
        _draw_likelihood(ax, end, looks[competitor.algorithm], shift, f"{competitor.algorithm}, likelihood")


def _ends(panel: Sequence[Competitor]) -> Iterator[tuple[Competitor, Likelihood, float]]:
    """The final log-likelihoods, and by how many typographic points each is drawn to the right of its place.

    Each mark is thus to the right of the end of its line, and marks of one budget are side by side, closer together if
    there are many.
    """
    ends = [(competitor, competitor.likelihood) for competitor in panel if competitor.likelihood is not None]
    before = [sum(abs(math.log(end.x / other.x)) < 0.5 for _, other in ends[:i]) for i, (_, end) in enumerate(ends)]
    apart = min(APART, MOST_APART / max([1, *before]))
    for (competitor, end), count in zip(ends, before, strict=True):
        yield competitor, end, 7 + apart * count


def _draw_likelihood(ax: Axes, end: Likelihood, look: Look, shift: float, name: str) -> None:
    place = ax.transData + ScaledTranslation(shift / 72, 0, ax.figure.dpi_scale_trans)
    spread = end.spread if math.isfinite(end.spread) else None
    ax.errorbar(
        *([end.x], [end.mean], spread),
        marker=look.marker,
        color=look.colour,
        label=name,
        capsize=2,
        elinewidth=1,
        zorder=4,
        transform=place,
        clip_on=False,
        **HOLLOW,
    )


def _draw_band(ax: Axes, band: Band, split: str, look: Look, name: str) -> None:
    test = split == "test"
    every = max(1, math.ceil(len(band.x) / 7))
    ax.plot(
        band.x,
        band.mean,
        color=look.colour,
        linestyle=DASHES[split],
        linewidth=1.5 if test else 1,
        marker=look.marker if test else "none",
        markersize=4,
        markevery=((len(band.x) - 1) % every, every),  # the last point has one
        label=name,
    )
    if test:
        ax.fill_between(band.x, band.low, band.high, color=look.colour, alpha=0.2, linewidth=0)


def _label(row: Sequence[Axes], panels: Sequence[Sequence[Competitor]], words: Wording) -> None:
    """Titles, and axis labels at the margins."""
    bounded = any(c.bands or c.excluded for panel in panels for c in panel)
    quantity = words.quantity if bounded else "log-likelihood"
    titles = [panel[0].panel for panel in panels]
    label_panels(row, titles, panels[0][0].group, words.clock, f"{quantity}\n(nats per datapoint)")


def _set_frame(ax: Axes, frame: Frame) -> None:
    ax.set(xlim=frame.x, ylim=frame.y)
    if frame.unit != 1:
        ax.xaxis.set_major_formatter(lambda x, _: f"{x / frame.unit:g}")


def _set_range(ax: Axes, panels: Sequence[Sequence[Competitor]], words: Wording) -> None:
    """Set axis limits that show where learning happens, the same for all panels of the group."""
    group = [competitor for panel in panels for competitor in panel]
    bands = [band for c in group for band in c.bands.values()]
    ends = [c.likelihood for c in group if c.likelihood is not None]
    lines = [edge for band in bands for edge in (band.low, band.high)]
    single = [end.mean + sign * (end.spread if math.isfinite(end.spread) else 0) for end in ends for sign in (-1, 1)]
    excluded = [points for c in group for points in c.excluded]
    low, high = visible_range(lines or [y for _, y in excluded], single)
    ax.set_ylim(low, high)
    first = (
        [entry(band.x, band.high, low) for band in bands] or [x[0] for x, _ in excluded] or [end.x / 10 for end in ends]
    )
    last = [band.x[-1] for band in bands] + [x[-1] for x, _ in excluded] + [end.x for end in ends]
    if words.linear:
        ax.set_xlim(0, 1.04 * max(last))
        ax.xaxis.set_major_formatter(EngFormatter(sep=""))
        return
    ratio = max(max(last) / min(first), 2)
    room = max((shift for panel in panels for *_, shift in _ends(panel)), default=0) + 6  # of some 180 points
    ax.set_xlim(min(first) / ratio**0.04, max(last) * ratio ** (room / (180 - room)))
    label_logarithmic(ax)


def _kinds(competitors: Sequence[Competitor], words: Wording) -> dict[str, Line2D]:
    """Legend entries for the kinds of lines and marks that occur."""
    kinds = {}
    if any(c.bands for c in competitors):
        kinds[f"{words.short}, test data"] = Line2D([], [], color=GREY, linewidth=1.5)
        kinds[f"{words.short}, training data"] = Line2D([], [], color=GREY, linewidth=1, linestyle=DASHES["train"])
    if any(c.likelihood for c in competitors):
        kinds[f"log-likelihood, test data ({words.estimator})"] = Line2D([], [], color=GREY, marker="o", **HOLLOW)
    if any(c.excluded for c in competitors):
        kinds["a seed that is not in the mean"] = Line2D([], [], color=GREY, **EXCLUDED)
    return kinds
