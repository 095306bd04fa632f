"""The sources of variation that an interval covers, and after how many training samples results are, in words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd


def interval_scope(data: pd.Series, num_points: int) -> str:
    """What a repetition would redraw, given the checksums of the seeds' ``data``; ``num_points`` is 0 if unknown.

    >>> import pandas as pd
    >>> interval_scope(pd.Series(["a", "a"]), 300)
    'seeds and 300 test points; same training data'
    >>> interval_scope(pd.Series(["a", "b"]), 0)
    'seeds; training data drawn by seed'
    """
    known = data.dropna()
    sources = f"seeds and {num_points} test points" if num_points else "seeds"
    if known.empty or len(data) < 2:
        return sources
    return f"{sources}; same training data" if known.nunique() == 1 else f"{sources}; training data drawn by seed"


def at_mark(mark: int, seen: Iterable[float]) -> str:
    """The training samples that trials had ``seen`` at an evaluation mark, which an update may overshoot.

    >>> at_mark(251, [300, 300])
    '300 training samples (the first update past the mark of 251)'
    >>> at_mark(1000, [1000, 1500])
    '1,000 to 1,500 training samples (the first update at or past the mark of 1,000)'
    """
    known = [int(samples) for samples in seen] or [mark]
    low, high = min(known), max(known)
    text = f"{low:,} training samples" if low == high else f"{low:,} to {high:,} training samples"
    past = "at or past" if low == mark else "past"
    return text if high == mark else f"{text} (the first update {past} the mark of {mark:,})"
