"""How many seeds, or test points, it takes to find a difference of a given size between two algorithms.

The differences by seed and test point are modelled as in `crossed`, with normal effects; a difference counts as found
if the interval of `crossed.mean_interval` excludes 0 on the correct side.  The mean squares are then independent
chi-square variables, and the power is an average over them; `make statistics` compares it with simulations.
Source: Searle, Casella & McCulloch 1992, "Variance components", section 4.3; Browne 1995, "On the use of a pilot sample
for sample size determination".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics.crossed import MeanSquares

Array = NDArray[np.float64]

MOST_SEEDS = 1000  # more would not be reasonable
MOST_POINTS = 1_000_000
CAUTION = 0.8  # probability that the spread over seeds is below the limit that cautious planning uses
NUM_DRAWS = 1000
SEED = 20131220  # fixed, so that the same results always give the same numbers


@dataclass(frozen=True)
class Spread:
    """Variances of the effects of seeds, of test points, and of both, of differences between two algorithms."""

    seeds: float
    points: float
    both: float

    @classmethod
    def of(cls, differences: ArrayLike, *, cautious: bool = False) -> Spread:
        """Estimate them from differences [S, N] by seed and point, or [S, 1] if they are known only by seed; S >= 2.

        ``cautious`` uses the upper confidence limit (with probability CAUTION) of the mean square of seeds instead of
        its estimate, which is often too small for few seeds.
        """
        from scipy.special import chdtri  # scipy.stats takes a second to import

        array = np.asarray(differences, dtype=np.float64)
        num_seeds, num_points = array.shape
        squares = MeanSquares.of(array)
        if cautious:
            degrees = num_seeds - 1
            squares = replace(squares, seeds=squares.seeds * degrees / float(chdtri(degrees, CAUTION)))
        seeds, points = squares.seeds - squares.both, squares.points - squares.both
        return cls(max(seeds, 0.0) / num_points, max(points, 0.0) / num_seeds, squares.both)


def power(spread: Spread, difference: float, num_seeds: int, num_points: int, level: float = 0.05) -> float:
    """The probability of finding a ``difference`` above 0 with S seeds and N test points, at a two-sided ``level``.

    >>> round(power(Spread(1.0, 0.0, 0.0), 2.0, num_seeds=5, num_points=1), 3)  # of a t-test
    0.909
    """
    from scipy.special import ndtr, stdtrit

    size = num_seeds * num_points
    expected = np.array([num_points * spread.seeds + spread.both, num_seeds * spread.points + spread.both, spread.both])
    drawn = expected[:, None] * _mean_squares(num_seeds, num_points)
    t_seeds, t_points = (-float(stdtrit(n - 1, level / 2)) if n > 1 else 0.0 for n in (num_seeds, num_points))
    half = np.sqrt((t_seeds**2 * drawn[0] + t_points**2 * np.maximum(drawn[1] - drawn[2], 0)) / size)
    error = np.sqrt((expected[0] + max(expected[1] - expected[2], 0)) / size)
    if error == 0:
        return float(difference > 0)
    return float(ndtr((difference - half) / error).mean())


def seeds_needed(spread: Spread, difference: float, num_points: int, level: float, target: float) -> int | None:
    """Return the smallest number of seeds that reaches the power ``target``; None above MOST_SEEDS."""
    return _smallest(lambda count: power(spread, difference, count, num_points, level) >= target, MOST_SEEDS)


def points_needed(spread: Spread, difference: float, num_seeds: int, level: float, target: float) -> int | None:
    """Return the smallest number of test points that reaches it with this number of seeds; None above MOST_POINTS."""
    return _smallest(lambda count: power(spread, difference, num_seeds, count, level) >= target, MOST_POINTS)


def _smallest(enough: Callable[[int], bool], most: int) -> int | None:
    """Return the smallest count from 2 to ``most`` that is enough, assuming that all larger ones are as well."""
    if not enough(most):
        return None
    low, high = 1, 2
    while not enough(high):
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high


@lru_cache(maxsize=128)  # 3 MB: the search for each comparison begins with the same numbers
def _mean_squares(num_seeds: int, num_points: int) -> Array:
    """Draws [3, NUM_DRAWS] of the mean squares of seeds, of points and of both, each divided by its expectation."""
    from scipy.special import chdtri

    degrees = [num_seeds - 1, num_points - 1, (num_seeds - 1) * (num_points - 1)]
    return np.stack([chdtri(d, u) / d if d else 0 * u for d, u in zip(degrees, _uniform(), strict=True)])


@cache
def _uniform() -> Array:
    """Return stratified draws [3, NUM_DRAWS] from (0, 1), the same at every call."""
    rng = np.random.default_rng(SEED)
    strata = np.stack([rng.permutation(NUM_DRAWS) for _ in range(3)])
    uniform: Array = (strata + rng.random((3, NUM_DRAWS))) / NUM_DRAWS
    return uniform
