"""Numbers, counts of seeds and other values as text."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

MISSING = "–"


def number(value: float, decimals: int = 2) -> str:
    """``-20.126`` -> ``-20.13``; a dash if there is no number."""
    return f"{value:.{decimals}f}" if math.isfinite(value) else MISSING


def spread(deviation: float) -> str:
    """A standard deviation: ``0.21``, more decimals for a tiny one."""
    return number(deviation, 2 if deviation >= 0.01 or deviation == 0 else 4)


def error(value: float) -> str:
    """A standard error: ``0.12``, ``0.0123``, or ``<0.0001``."""
    if 0 < value < 1e-4:
        return "<0.0001"
    return number(value, 2 if value >= 0.1 or value == 0 else 4)


def p_value(value: float) -> str:
    """``0.031``, ``0.2``, or ``<0.0001``."""
    if not math.isfinite(value):
        return MISSING
    return "<0.0001" if value < 1e-4 else f"{value:.2g}"


def count(value: float) -> str:
    """``300000`` -> ``3e5``, ``120000`` -> ``120,000``: multiples of a power of ten are easier to read in this form.

    For isolated numbers; in a column of different numbers, the format of `whole` is easier to compare.
    """
    if not math.isfinite(value):
        return MISSING
    digits = str(int(value))
    return f"{digits[0]}e{len(digits) - 1}" if len(digits) > 4 and not digits[1:].strip("0") else whole(value)


def whole(value: float) -> str:
    """``120000`` -> ``120,000``, ``1500`` -> ``1500``; a dash if there is no number."""
    if not math.isfinite(value):
        return MISSING
    return f"{value:,.0f}" if abs(value) >= 10_000 else f"{value:.0f}"


def nats(value: float) -> str:
    """``0.5 nats``, ``1 nat``."""
    return f"{value:g} nat{'' if value == 1 else 's'}"


def listed(names: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``; nothing for none."""
    *most, last = [*names] or [""]
    return f"{', '.join(most)} and {last}" if most else last


def quantity(count: int, noun: str) -> str:
    """``1 trial``, ``3 trials``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def time(value: float) -> str:
    """A time or a number of samples: ``4530``, ``0.253``, ``never`` if it is infinite."""
    if math.isinf(value):
        return "never"
    return str(round(value)) if value >= 1000 else f"{value:.3g}" if math.isfinite(value) else MISSING


def with_range(value: float, low: float, high: float) -> str:
    """``4530 (3190 to 5810)``; the value alone if all are the same."""
    return time(value) if low == high or math.isnan(value) else f"{time(value)} ({time(low)} to {time(high)})"


def interval(low: float, high: float) -> str:
    """``-20.13 to -19.87``; a dash if it is not known."""
    return f"{number(low)} to {number(high)}" if math.isfinite(low) and math.isfinite(high) else MISSING


def factor(value: float, sign: str = "x ") -> str:
    """``x 2.50``; ``x inf`` and ``x 0`` if one side never reaches the target."""
    return MISSING if math.isnan(value) else f"{sign}{value:.3g}"


def seeds_in_words(done: int, others: Iterable[str]) -> str:
    """``3``, or ``2 of 3 (1 diverged)``: ``others`` gives the status of each seed that does not count."""
    fates = Counter(others)
    if not fates:
        return str(done)
    listed = ", ".join(f"{times} {fate}" for fate, times in fates.items())
    return f"{done} of {done + fates.total()} ({listed})"


def text(value: object) -> str:
    """The displayed text of a cell."""
    if isinstance(value, float):
        return f"{value:.10g}" if math.isfinite(value) else MISSING
    return MISSING if value is None else str(value)


def broken(text: str, width: int) -> str:
    """``text`` on lines of at most ``width``, broken after spaces, commas and brackets if possible."""
    lines = [""]
    for piece in re.findall(rf"[^ ,\[]{{0,{width - 1}}}[ ,\[]|[^ ,\[]{{1,{width}}}", text):
        if len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines if line)


def warnings(column: pd.Series) -> str:
    """The first warning of a cell's seeds, and how many seeds warn unless all have the same warning."""
    texts = [text for text in column.dropna().map(str) if text]
    if not texts or (len(set(texts)) == 1 and len(texts) == len(column)):
        return texts[0] if texts else ""
    return f"{texts[0]} ({len(texts)} of {quantity(len(column), 'seed')} warn; this is the first.)"
