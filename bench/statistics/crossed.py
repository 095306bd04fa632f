"""Means over training seeds and test points: both are samples, so both are sources of error.

Values are [S, N], one per seed and test point, taken as x[s, n] = mean + a[s] + b[n] + c[s, n] with random effects of
the seed, of the point and of both.  If all seeds are evaluated on the same points the effects are crossed, and an
interval over seeds alone lacks the error of b.  If each seed has points of its own, b is zero: the spread over seeds
then contains the error of the points, and the same formulas lead back to Student's t over seeds.
Source: Searle, Casella & McCulloch 1992, "Variance components", section 4.3; Owen 2007, "The pigeonhole bootstrap".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics import intervals

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Variances:
    """The variance of a mean over seeds and points, by source; their sum is that of the mean."""

    seeds: float  # with the error of each single value: what the spread over seeds shows
    points: float  # of the points that all seeds share; 0 if each seed has its own

    @classmethod
    def of(cls, values: ArrayLike) -> Variances:
        """From the mean squares of values [S, N], with S and N of at least 2.

        MS_seeds / (S N) and (MS_points - MS_both) / (S N); the latter is unbiased except that it is never negative.
        """
        array = _checked(values)
        num_seeds, num_points = array.shape
        mean, by_seed, by_point = array.mean(), array.mean(1, keepdims=True), array.mean(0, keepdims=True)
        seeds = num_points * ((by_seed - mean) ** 2).sum() / (num_seeds - 1)
        points = num_seeds * ((by_point - mean) ** 2).sum() / (num_points - 1)
        both = ((array - by_seed - by_point + mean) ** 2).sum() / ((num_seeds - 1) * (num_points - 1))
        return cls(float(seeds) / array.size, max(float(points - both), 0.0) / array.size)


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """The interval of the mean of values [S, N] over seeds and points: where it would lie for others of both.

    Its squared half-width is the sum over both sources of their variances times the squared t quantile of their degrees
    of freedom: unlike Satterthwaite's formula, which covers 92 % with 3 seeds and 87 % with 2, it does not cover less
    than it says.  Both ends are NaN for fewer than two seeds; for one point the interval is over seeds alone.  Raises
    ValueError unless ``confidence`` lies between 0 and 1.
    Source: Banerjee 1961, "On confidence interval for two-means problem".

    >>> low, high = mean_interval([[1.0, 5.0, 3.0], [2.0, 6.0, 4.5], [0.0, 5.5, 4.0]])
    >>> print(f"{low:.2f} to {high:.2f}")
    -2.36 to 9.25
    """
    from scipy.special import stdtrit  # t quantiles; scipy.stats takes a second to import

    array = _checked(values)
    if min(array.shape) < 2:
        low, high = intervals.mean_interval(array.mean(1), confidence)
        return float(low), float(high)
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1 (got {confidence}).")
    variances, mean = Variances.of(array), float(array.mean())
    t_seeds, t_points = (float(stdtrit(count - 1, (1 + confidence) / 2)) for count in array.shape)
    half = float(np.sqrt(t_seeds**2 * variances.seeds + t_points**2 * variances.points))
    return mean - half, mean + half


def points_error(values: ArrayLike) -> float:
    """Standard error of the mean of values [S, N] because the test points are few: it shrinks as there are more.

    It is that of the points' means over seeds, so it holds for the same points in all seeds and for other ones in each.
    NaN for fewer than two points.

    >>> points_error([[1.0, 3.0], [2.0, 4.0]])
    1.0
    """
    by_point = _checked(values).mean(0)
    return float(by_point.std(ddof=1) / len(by_point) ** 0.5) if len(by_point) > 1 else float("nan")


def _checked(values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or not array.size:
        raise ValueError(f"`values` must be [S, N] with at least one seed and one point (got shape {array.shape}).")
    return array
