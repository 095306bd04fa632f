"""Comparison of two algorithms on shared seeds, and test points: by how much one is better, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics import bootstrap, crossed, intervals

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A mean difference over places of the grid and their seeds; NaN if unknown."""

    mean: float
    low: float
    high: float
    method: str  # of the interval: "bootstrap", "Student t", or "" if there is no interval
    num_seeds: int  # the smallest number of seeds at any place
    num_points: int = 0  # test points that the interval is over as well; 0 if it is over seeds alone


def difference(places: Sequence[ArrayLike], confidence: float = 0.95) -> Difference:
    """Return the mean of paired differences, given as [S] or [S, N] per place, with its interval.

    Differences [S, N] by seed and test point, of the same shape at all places, have an interval over both (`crossed`),
    computed on the means over places. Others are averaged over points, and the interval is over seeds alone: they are
    resampled independently for each place. With fewer than `bootstrap.FEWEST` seeds the interval is Student's t
    instead, computed on the means over places; it assumes approximately normal differences.

    Example:
        >>> result = difference([[1.0, 2.0, 4.0]])
        >>> print(f"{result.mean:.2f}, {result.low:.2f} to {result.high:.2f} ({result.method})")
        2.33, -1.46 to 6.13 (Student t)
    """
    whole = [np.asarray(place, dtype=np.float64) for place in places]
    if whole and all(place.ndim == 2 and place.shape == whole[0].shape for place in whole):
        return _by_point(np.mean(whole, axis=0), confidence)
    arrays = [place.mean(1) if place.ndim == 2 else place for place in whole]
    fewest = min(map(len, arrays), default=0)
    if not fewest:
        return Difference(np.nan, np.nan, np.nan, "", 0)
    mean = float(np.mean([array.mean() for array in arrays]))
    if fewest >= bootstrap.FEWEST:
        return Difference(mean, *bootstrap.interval(arrays, bootstrap.mean, confidence), "bootstrap", fewest)
    if fewest < 2:
        return Difference(mean, np.nan, np.nan, "", fewest)
    by_seed = arrays[0] if len(arrays) == 1 else np.mean([array[:fewest] for array in arrays], axis=0)
    low, high = intervals.mean_interval(by_seed, confidence)
    return Difference(mean, float(low), float(high), "Student t", fewest)


def _by_point(differences: Array, confidence: float) -> Difference:
    low, high = crossed.mean_interval(differences, confidence)
    num_seeds, num_points = differences.shape
    method = "Student t" if num_seeds > 1 else ""
    return Difference(float(differences.mean()), low, high, method, num_seeds, num_points)


def probability_of_improvement(places: Sequence[tuple[ArrayLike, ArrayLike]]) -> float:
    """Return P(A > B) for a random seed of A and a random seed of B, averaged over places.

    ``places`` holds the values of A and of B at each place, [S] each; they may be infinite, and ties count half. NaN if
    there are no places.
    Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice", section 4.3.

    Example:
        >>> probability_of_improvement([([3.0, 2.0], [1.0, 2.0])])
        0.875
    """
    return float(np.mean([_wins(np.asarray(a)[None], np.asarray(b)[None])[0] for a, b in places])) if places else np.nan


def improvement_interval(places: Sequence[tuple[ArrayLike, ArrayLike]]) -> tuple[float, float]:
    """Return the bootstrap interval of `probability_of_improvement`; A and B share their seeds at each place."""
    strata = [np.stack([np.asarray(a), np.asarray(b)], axis=-1) for a, b in places]
    return bootstrap.interval(
        strata, lambda resampled: np.mean([_wins(each[..., 0], each[..., 1]) for each in resampled], axis=0)
    )


def _wins(a: Array, b: Array) -> Array:
    """Fraction of pairs in which a is above b: [B, S] and [B, T] -> [B]."""
    ahead, behind = a[:, :, None], b[:, None, :]
    wins: Array = ((ahead > behind) + 0.5 * (ahead == behind)).mean(axis=(1, 2))
    return wins
