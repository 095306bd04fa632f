"""Means over training seeds and test points: both are samples, so both are sources of error.

Values are [S, N], one per seed and test point.  They are taken as x[s, n] = mean + a[s] + b[n] + c[s, n], with random
effects of the seed, of the point and of both.  If all seeds are evaluated on the same points the effects are crossed, and an
interval over seeds alone lacks the error of b.  If each seed has points of its own b is zero: points differ within each
seed, so the spread over seeds contains their error, and the same formulas lead back to Student's t over seeds.
Source: Searle, Casella & McCulloch 1992, "Variance components", section 4.3; Owen 2007, "The pigeonhole bootstrap".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics import intervals

Array = NDArray[np.float64]


@dataclass(frozen=True)
class MeanSquares:
    """Of the two-way analysis of variance, with one value per seed and point."""

    seeds: float
    points: float
    both: float  # the interaction, in which the Monte Carlo error of each value is
    num_seeds: int
    num_points: int

    @classmethod
    def of(cls, values: ArrayLike) -> MeanSquares:
        """From values [S, N] with S and N of at least 2."""
        array = _checked(values)
        num_seeds, num_points = array.shape
        mean, by_seed, by_point = array.mean(), array.mean(1, keepdims=True), array.mean(0, keepdims=True)
        both = ((array - by_seed - by_point + mean) ** 2).sum() / ((num_seeds - 1) * (num_points - 1))
        seeds = num_points * ((by_seed - mean) ** 2).sum() / (num_seeds - 1)
        points = num_seeds * ((by_point - mean) ** 2).sum() / (num_points - 1)
        return cls(float(seeds), float(points), float(both), num_seeds, num_points)

    @property
    def variance_of_mean(self) -> float:
        """(MS_seeds + MS_points - MS_both) / (S N), unbiased where MS_points is above MS_both, as it is on average."""
        return (self.seeds + max(self.points - self.both, 0.0)) / (self.num_seeds * self.num_points)

    @property
    def degrees(self) -> float:
        """Degrees of freedom of `variance_of_mean`, by Satterthwaite's formula."""
        terms = [self.seeds**2 / (self.num_seeds - 1)]
        if self.points > self.both:
            terms += [self.points**2 / (self.num_points - 1)]
            terms += [self.both**2 / ((self.num_seeds - 1) * (self.num_points - 1))]
        total = self.seeds + max(self.points - self.both, 0.0)
        return float(total**2 / sum(terms)) if total > 0 else float(self.num_seeds - 1)


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[float, float]:
    """The t interval of the mean of values [S, N], over seeds and points: where it would lie for others of both.

    Both ends are NaN for fewer than two seeds; for one point the interval is over seeds alone.  Raises ValueError
    unless ``confidence`` lies between 0 and 1.

    >>> low, high = mean_interval([[1.0, 5.0, 3.0], [2.0, 6.0, 4.5]])
    >>> print(f"{low:.2f} to {high:.2f}")
    -0.74 to 7.91
    """
    from scipy.special import stdtrit  # t quantiles; scipy.stats takes a second to import

    array = _checked(values)
    if min(array.shape) < 2:
        low, high = intervals.mean_interval(array.mean(1), confidence)
        return float(low), float(high)
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1 (got {confidence}).")
    squares, mean = MeanSquares.of(array), float(array.mean())
    half = float(stdtrit(squares.degrees, (1 + confidence) / 2)) * squares.variance_of_mean**0.5
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
