"""Comparison of two algorithms on shared seeds and test points: by how much one is better, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics import bootstrap, crossed

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A mean difference over places of the grid and their seeds; NaN if unknown."""

    mean: float
    low: float
    high: float
    method: str  # of the interval: "Student t", or "" if there is no interval
    num_seeds: int  # the smallest number of seeds at any place
    num_points: int = 0  # test points that the interval accounts for; 0 if it is over seeds alone
    p: float = np.nan  # two-sided, of no difference: the level at which the interval begins to exclude 0


def difference(places: Sequence[ArrayLike], confidence: float = 0.95) -> Difference:
    """Return the mean of paired differences, given as [S] or [S, N] per place, with its interval.

    For differences [S, N] by seed and test point, with the same shape at all places, the interval is over both
    (`crossed`).  Others are averaged over points, and the interval is over seeds alone.  Both are computed on the means
    over places, and assume approximately normal effects.

    Example:
        >>> result = difference([[1.0, 2.0, 4.0]])
        >>> print(f"{result.mean:.2f}, {result.low:.2f} to {result.high:.2f}, p = {result.p:.2f}")
        2.33, -1.46 to 6.13, p = 0.12
    """
    values = means_over_places(places)
    if not values.size:
        return Difference(np.nan, np.nan, np.nan, "", 0)
    means = [np.asarray(place, dtype=np.float64).mean() for place in places]
    mean = float(np.mean(means))  # over all seeds, even if some places have more than others
    values = values + (mean - values.mean())
    num_seeds, num_points = values.shape
    method = "Student t" if num_seeds > 1 else ""
    low, high = crossed.mean_interval(values, confidence)
    return Difference(mean, low, high, method, num_seeds, num_points if num_points > 1 else 0, crossed.p_value(values))


def with_confidence(gap: Difference, places: Sequence[ArrayLike], confidence: float) -> Difference:
    """Return the result of `difference` for these ``places``, with an interval of another ``confidence``."""
    values = means_over_places(places)
    if not values.size:
        return gap
    low, high = crossed.mean_interval(values + (gap.mean - values.mean()), confidence)
    return replace(gap, low=low, high=high)


def means_over_places(places: Sequence[ArrayLike]) -> Array:
    """Return the mean over places of differences [S] or [S, N]: [S, N] if all have one shape, else [S, 1].

    If there are more seeds at some places than at others, S is the smallest number; [0, 1] if a place has no seed.
    """
    arrays = [np.asarray(place, dtype=np.float64) for place in places]
    if arrays and all(array.ndim == 2 and array.shape == arrays[0].shape for array in arrays):
        by_point: Array = np.mean(arrays, axis=0)
        return by_point
    by_seed = [array.mean(1) if array.ndim == 2 else array for array in arrays]
    fewest = min(map(len, by_seed), default=0)
    return np.mean([array[:fewest] for array in by_seed], axis=0)[:, None] if fewest else np.empty((0, 1))


def probability_of_improvement(places: Sequence[tuple[ArrayLike, ArrayLike]]) -> float:
    """Return P(A > B) for a random seed of A and a random seed of B, averaged over places.

    ``places`` holds the values of A and of B at each place, [S] each; they may be infinite, and ties count half. NaN if
    there are no places.
    Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", section 4.3.

    Example:
        >>> probability_of_improvement([([3.0, 2.0], [1.0, 2.0])])
        0.875
    """
    return float(np.mean([_outcomes(np.asarray(a), np.asarray(b)).mean() for a, b in places])) if places else np.nan


def improvement_interval(places: Sequence[tuple[ArrayLike, ArrayLike]]) -> tuple[float, float]:
    """Return the bootstrap interval of `probability_of_improvement`; A and B share their seeds at each place."""
    outcomes = [_outcomes(np.asarray(a), np.asarray(b)) for a, b in places]
    return bootstrap.interval_by_counts(
        [len(each) for each in outcomes],
        lambda counts: np.mean([_shares(*each) for each in zip(outcomes, counts, strict=True)], axis=0),
    )


def _outcomes(a: Array, b: Array) -> Array:
    """Return 1 where a is above b and 0.5 where they are equal: [S] and [T] -> [S, T]."""
    outcomes: Array = (a[:, None] > b) + 0.5 * (a[:, None] == b)
    return outcomes


def _shares(outcomes: Array, counts: Array) -> Array:
    """Return the mean outcome over all pairs of drawn seeds, given how often each was drawn, ``counts`` [B, S]: [B].

    Sums of halves are exact in any order.  All pairs of all resamples at once would need gigabytes for 200 seeds.
    """
    shares: Array = ((counts @ outcomes) * counts).sum(axis=1) / len(outcomes) ** 2
    return shares
