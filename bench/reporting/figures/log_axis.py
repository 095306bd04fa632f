"""Logarithmic axes that always have labels."""

from __future__ import annotations

import math
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter

from bench.reporting.figures.looks import GREY

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def set_logarithmic(axes: Axes, values: Iterable[float], right: float = 0.04) -> tuple[float, float]:
    """A logarithmic x axis around ``values``, with a share of ``right`` beyond the largest; returns its ends.

    It spans a factor of 3 at least: a shorter one may have only one tick with a round label.
    """
    shown = [value for value in values if math.isfinite(value) and value > 0] or [1.0]
    low, high = min(shown), max(shown)
    widen = math.sqrt(max(1.0, 3 * low / high))
    low, high = low / widen, high * widen
    axes.set_xscale("log")
    ends = low * (low / high) ** 0.04, high * (high / low) ** right
    axes.set_xlim(*ends)
    label_logarithmic(axes)
    return ends


def label_logarithmic(axes: Axes) -> None:
    """Label the x axis, whose range is set, between powers of ten only if there were too few labels otherwise.

    Holds for all panels that share the axis.  Ticks without a label are one line of marks in each panel: as ticks of
    their own they would take most of the time that a figure takes.
    """
    left, right = axes.get_xlim()
    ratio, plain = right / left, left > 1e-3 and right < 1e4
    labelled: tuple[float, ...] = (1.5, 2, 3, 4, 5, 6, 8) if plain else (1.5, 3, 5, 7)  # powers of ten need more room
    if ratio >= 4:
        labelled = (2, 5) if ratio < 30 else (3,) if ratio < 100 else ()

    def label(x: float, _: object = None) -> str:
        return f"{x:g}" if plain else scientific(x)

    powers = _between(left, right, (1,))
    axes.xaxis.set_major_locator(FixedLocator(powers[:: 1 + len(powers) // 10]))
    axes.xaxis.set_minor_locator(FixedLocator(_between(left, right, labelled)))
    axes.xaxis.set_major_formatter(FuncFormatter(label))
    axes.xaxis.set_minor_formatter(FuncFormatter(label))
    unlabelled = _between(left, right, (*range(2, 10),) if len(powers) < 10 else (1,))
    for panel in axes.get_shared_x_axes().get_siblings(axes):
        panel.tick_params(axis="x", which="minor", pad=5)  # shorter ticks, labels at the height of the others
        _mark(panel, unlabelled)


def _between(left: float, right: float, mantissas: Iterable[float]) -> list[float]:
    """These multiples of the powers of ten, ascending, inside the range."""
    powers = range(math.floor(math.log10(left)), math.ceil(math.log10(right)) + 1)
    return [x for power in powers for x in (mantissa * 10.0**power for mantissa in mantissas) if left <= x <= right]


def _mark(axes: Axes, places: list[float]) -> None:
    """Small marks below the axis, which belong to the figure: they are no data."""
    marks = Line2D(
        *(places, [0.0] * len(places)),
        transform=axes.get_xaxis_transform(),
        color=GREY,
        marker=3,  # a tick downwards
        markersize=2,
        markeredgewidth=0.6,
        linestyle="none",
    )
    axes.figure.add_artist(marks)


def scientific(x: float) -> str:
    """Write a tick label in characters, not as a formula, which matplotlib would parse anew for each resolution.

    >>> scientific(1e5), scientific(3e-4), scientific(1.5e10)
    ('10⁵', '3×10⁻⁴', '1.5×10¹⁰')
    """
    mantissa, _, exponent = f"{x:.3e}".partition("e")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    factor = f"{float(mantissa):g}"
    return power if factor == "1" else f"{factor}×{power}"
