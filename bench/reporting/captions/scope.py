"""The sources of variation that an interval covers, in words."""

from __future__ import annotations

import pandas as pd


def interval_scope(data: pd.Series, num_points: int) -> str:
    """What a repetition would draw anew, given the checksums of the seeds' ``data``; ``num_points`` is 0 if unknown.

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
