"""Means over training seeds and test points: both are samples, so both are sources of error.

Values are [S, N], one per seed and test point, taken as x[s, n] = mean + a[s] + b[n] + c[s, n] with random effects of
the seed, of the point and of both.  All seeds are evaluated on the same points, so the effects are crossed, and an
interval over seeds alone ignores the error of b.  If b is zero, the same formulas reduce to Student's t over seeds.
Source: Searle, Casella & McCulloch 1992, "Variance components", section 4.3; Owen 2007, "The pigeonhole bootstrap".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics import intervals
from bench.statistics.roots import root

Array = NDArray[np.float64]

LEAST_LOG_P = -230.0  # smaller p-values, below 1e-100, are 0


Parts = tuple[tuple[float, float], ...]  # of the variance of a mean, each with its degrees of freedom


@dataclass(frozen=True)
class MeanSquares:
    """Two-way analysis of variance of values [S, N]; ``points`` and ``both`` are 0 for a single point."""

    seeds: float
    points: float
    both: float

    @classmethod
    def of(cls, values: ArrayLike) -> MeanSquares:
        """Compute them from values [S, N], with S of at least 2."""
        array = _checked(values)
        num_seeds, num_points = array.shape
        mean, by_seed, by_point = array.mean(), array.mean(1, keepdims=True), array.mean(0, keepdims=True)
        seeds = num_points * ((by_seed - mean) ** 2).sum() / (num_seeds - 1)
        if num_points < 2:
            return cls(float(seeds), 0.0, 0.0)
        points = num_seeds * ((by_point - mean) ** 2).sum() / (num_points - 1)
        both = ((array - by_seed - by_point + mean) ** 2).sum() / ((num_seeds - 1) * (num_points - 1))
        return cls(float(seeds), float(points), float(both))


@dataclass(frozen=True)
class Variances:
    """The variance of a mean over seeds and points, by source; the sum of both is the variance of the mean."""

    seeds: float  # includes the error of each single value, as the spread over seeds does
    points: float  # of the test points, which all seeds share

    @classmethod
    def of(cls, values: ArrayLike) -> Variances:
        """Compute them from the mean squares of values [S, N], with S of at least 2.

        They are MS_seeds / (S N) and (MS_points - MS_both) / (S N); the latter is unbiased except that it is never
        negative.
        """
        squares = MeanSquares.of(values)
        size = np.asarray(values).size
        return cls(squares.seeds / size, max(squares.points - squares.both, 0.0) / size)

    def parts(self, shape: tuple[int, ...]) -> Parts:
        """The variances with their degrees of freedom, for values [S, N] of this ``shape``."""
        return tuple(zip((self.seeds, self.points), (max(count - 1, 1) for count in shape), strict=True))


def half_width(parts: Parts, level: float) -> float:
    """Half-width of the interval of a mean whose variance is the sum of ``parts``, with error probability ``level``.

    Its square is the sum of the variances times the squared t quantiles of their degrees of freedom.
    Source: Banerjee 1961, "On confidence interval for two-means problem".
    """
    from scipy.special import stdtrit  # t quantiles; scipy.stats takes a second to import

    return float(np.sqrt(sum(float(stdtrit(degrees, level / 2)) ** 2 * variance for variance, degrees in parts)))


def p_of(distance: float, parts: Parts) -> float:
    """Return the level at which the interval of `half_width` begins to exclude a value at this ``distance``."""
    from scipy.special import stdtr

    known = [(variance, degrees) for variance, degrees in parts if variance]
    if distance == 0 or not known:
        return float(distance == 0)
    if len(known) == 1:
        ((variance, degrees),) = known
        return float(2 * stdtr(degrees, -abs(distance) / np.sqrt(variance)))

    def excess(log_p: float) -> float:
        return half_width(parts, float(np.exp(log_p))) - abs(distance)

    return float(np.exp(root(excess, LEAST_LOG_P, 0.0))) if excess(LEAST_LOG_P) > 0 else 0.0


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """Return the interval of the mean of values [S, N] over seeds and points, which are both regarded as samples.

    Its half-width is `half_width` of both sources.  Unlike Satterthwaite's formula, which covers 92 % with 3 seeds and
    87 % with 2, it does not cover less than its nominal level.  Both ends are NaN for fewer than two seeds; for one
    point the interval is over seeds alone.  Raises ValueError unless ``confidence`` lies between 0 and 1.

    >>> low, high = mean_interval([[1.0, 5.0, 3.0], [2.0, 6.0, 4.5], [0.0, 5.5, 4.0]])
    >>> print(f"{low:.2f} to {high:.2f}")
    -2.36 to 9.25
    """
    array = _checked(values)
    if min(array.shape) < 2:
        low, high = intervals.mean_interval(array.mean(1), confidence)
        return float(low), float(high)
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1 (got {confidence}).")
    mean, half = float(array.mean()), half_width(Variances.of(array).parts(array.shape), 1 - confidence)
    return mean - half, mean + half


def p_value(values: ArrayLike) -> float:
    """Two-sided p-value of a mean of 0: the level at which `mean_interval` of values [S, N] begins to exclude 0.

    NaN for fewer than two seeds; the p-value of values without any variance is 1 if they are 0, and 0 otherwise.

    >>> round(p_value([[1.0], [2.0], [4.0]]), 3)  # of a single point: that of a t-test
    0.118
    """
    array = _checked(values)
    if len(array) < 2:
        return float("nan")
    return p_of(float(array.mean()), Variances.of(array).parts(array.shape))


def points_of_difference(one: ArrayLike, other: ArrayLike) -> float:
    """Return the variance due to the points of the difference of means of values [S, N] and [T, N] on the same points.

    The contribution of single values is subtracted from the variance of the points' differences; never negative.

    >>> points_of_difference([[1.0, 3.0], [2.0, 4.0]], [[1.0, 3.0], [5.0, 7.0]])
    0.0
    """
    arrays = [_checked(values) for values in (one, other)]
    num_points = arrays[0].shape[1]
    singles = sum(MeanSquares.of(array).both / len(array) for array in arrays)
    shared = float(np.var(arrays[0].mean(0) - arrays[1].mean(0), ddof=1)) - singles
    return float(max(shared, 0.0) / num_points)


def points_error(values: ArrayLike) -> float:
    """Standard error of the mean of values [S, N] due to the finite number of test points.

    It is the standard error over points of their means over seeds.  NaN for fewer than two points.

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
