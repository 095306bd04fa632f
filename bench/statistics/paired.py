"""Two algorithms on the same seeds: by how much one is better, and how often."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics import bootstrap, intervals

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Difference:
    """A mean difference over places of the grid and their seeds; NaN where it is not known."""

    mean: float
    low: float
    high: float
    method: str  # of the interval: "bootstrap", "Student t", or "" where there is none
    num_seeds: int  # fewest of a place


def difference(places: Sequence[ArrayLike], confidence: float = 0.95) -> Difference:
    """The mean of paired differences, [S] for each place, with its interval.

    The seeds of each place are resampled by themselves.  With fewer than `bootstrap.FEWEST` seeds the interval is
    Student's t, of the means over places where there are several: it supposes differences that are near normal.
    """
    arrays = [np.asarray(place, dtype=np.float64) for place in places]
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


def probability_of_improvement(places: Sequence[tuple[ArrayLike, ArrayLike]]) -> float:
    """P(A > B) for a seed of A and another of B, ties half, mean over places; infinite values compare as such.

    ``places`` holds the values of A and of B, [S] each.  Source: Agarwal et al. 2021, "Deep reinforcement learning at
    the edge of the statistical precipice", section 4.3.  NaN where there is nothing.
    """
    return float(np.mean([_wins(np.asarray(a)[None], np.asarray(b)[None])[0] for a, b in places])) if places else np.nan


def improvement_interval(places: Sequence[tuple[ArrayLike, ArrayLike]]) -> tuple[float, float]:
    """The bootstrap interval of `probability_of_improvement`; A and B [S] of a place have their seeds in common."""
    strata = [np.stack([np.asarray(a), np.asarray(b)], axis=-1) for a, b in places]
    return bootstrap.interval(
        strata, lambda drawn: np.mean([_wins(each[..., 0], each[..., 1]) for each in drawn], axis=0)
    )


def _wins(a: Array, b: Array) -> Array:
    """[B, S] and [B, T] -> [B]."""
    ahead, behind = a[:, :, None], b[:, None, :]
    wins: Array = ((ahead > behind) + 0.5 * (ahead == behind)).mean(axis=(1, 2))
    return wins
