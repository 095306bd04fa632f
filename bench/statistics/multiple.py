"""Many tests at once: no more than a stated probability of *any* false alarm among them.

Source: Holm 1979, "A simple sequentially rejective multiple test procedure".
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def holm(p: ArrayLike, rate: float) -> NDArray[np.bool_]:
    """Return which hypotheses are rejected so that any is rejected falsely with probability at most ``rate``.

    ``p`` are the p-values [C]; the result is a Boolean array [C] (Holm's step-down procedure).

    Example:
        >>> holm([0.03, 0.01, 0.04, 0.012], 0.05).tolist()
        [False, True, False, True]
    """
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    passed = values[order] <= rate / np.arange(len(values), 0, -1)
    rejected = np.zeros(len(values), dtype=bool)
    rejected[order[: len(values) if passed.all() else int(np.argmin(passed))]] = True
    return rejected


def adjusted(p: ArrayLike) -> Array:
    """Return Holm's adjusted p-values [C]: the smallest rate at which `holm` rejects each hypothesis.

    NaN stands for a hypothesis that was not tested: it remains NaN and does not count as one of the tests.

    Example:
        >>> adjusted([0.03, 0.01, float("nan"), 0.04, 0.012]).round(3).tolist()
        [0.06, 0.04, nan, 0.06, 0.04]
    """
    values = np.asarray(p, dtype=np.float64)
    tested = np.flatnonzero(~np.isnan(values))
    order = tested[np.argsort(values[tested], kind="stable")]
    result = np.full(len(values), np.nan)
    result[order] = np.minimum(1, np.maximum.accumulate(values[order] * np.arange(len(order), 0, -1)))
    return result


def each_confidence(together: float, num_tests: int) -> float:
    """Return the confidence of each interval such that *all* cover their true values with probability ``together``.

    This is Bonferroni's inequality, which holds regardless of how the intervals depend on each other.

    Example:
        >>> round(each_confidence(0.95, 10), 3)
        0.995
    """
    return 1 - (1 - together) / max(1, num_tests)
