"""Logarithmic axes that always have labels."""

from __future__ import annotations

import math
from collections.abc import Iterable

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator


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
    """Label the x axis, whose range is set, between powers of ten only if there were too few labels otherwise."""
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
