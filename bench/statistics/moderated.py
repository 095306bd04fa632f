"""Tests of many differences, each measured on a few seeds.

A cell of the grid has about five seeds, too few to estimate its variance well, but there are many cells. The variance
of each cell is therefore shrunk towards a common one, by an amount that is estimated from the cells themselves
(empirical Bayes). `multiple.holm` then controls the probability of *any* false alarm over all cells.
Source: Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from bench.statistics import crossed
from bench.statistics.roots import root

Array = NDArray[np.float64]

# Limits on how much a cell may borrow from the others. A few cells look more alike than they are, and without these
# limits the false-alarm rate is exceeded if variances differ between cells; `make statistics` prints the rates.
MAX_PRIOR_DEGREES = 6.0
PRIOR_DEGREES_SHARE = 0.5  # the share of the prior's degrees of freedom that counts in the t-test


@dataclass(frozen=True)
class Sample:
    """The difference measured in one cell, with its variance."""

    difference: float
    variance: float  # of a single observation: s^2
    scale: float  # the variance of the difference is ``variance * scale``
    degrees: int  # degrees of freedom of ``variance``
    points: float = 0.0  # variance of the difference due to the finite number of test points, if both sides share them
    num_points: int = 0


def paired(base: ArrayLike, new: ArrayLike) -> Sample:
    """Return the difference ``new - base`` over at least two seeds that both sides share, [S] each."""
    differences = np.asarray(new, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    return Sample(float(differences.mean()), float(differences.var(ddof=1)), 1 / len(differences), len(differences) - 1)


def unpaired(base: ArrayLike, new: ArrayLike) -> Sample:
    """Return ``new - base`` for different seeds, [S] and [T], with pooled variance; at least three values in total."""
    one, other = (np.asarray(values, dtype=np.float64) for values in (base, new))
    degrees = len(one) + len(other) - 2
    squares = ((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()
    return Sample(float(other.mean() - one.mean()), float(squares / degrees), 1 / len(one) + 1 / len(other), degrees)


@dataclass(frozen=True)
class TTest:
    """A difference with its moderated standard error and p-value."""

    difference: float
    error: float  # moderated standard error of the difference over seeds
    degrees: float  # degrees of freedom of the error
    p: float  # two-sided
    points: float = 0.0  # variance of the difference due to the finite number of test points
    num_points: int = 0

    @property
    def parts(self) -> crossed.Parts:
        """The variances of the difference, with their degrees of freedom."""
        return _parts(self.error, self.degrees, self.points, self.num_points)

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Interval of this difference alone, not corrected for multiple tests: Student's t, or including the points."""
        half = self.least(1 - confidence)
        return self.difference - half, self.difference + half

    def least(self, level: float) -> float:
        """The smallest positive difference that would be significant at ``level``, two-sided, with this error."""
        return crossed.half_width(self.parts, level)


def _parts(error: float, degrees: float, points: float, num_points: int) -> crossed.Parts:
    return ((error**2, degrees), *([(points, num_points - 1)] if points else []))


def t_tests(samples: Sequence[Sample]) -> list[TTest]:
    """Test each difference against 0, with a standard error that is moderated by the variances of the others.

    The error due to test points that both sides share is added as in `crossed`, so that a change also holds for other
    points.

    The p-value of a difference without any variance is 1 if the difference is 0, and 0 otherwise.

    Example:
        >>> cells = [paired([1.0, 2.0, 3.0], [3.0, 4.1, 4.9]), paired([1.0, 2.0, 3.0], [1.1, 1.9, 3.0])]
        >>> tests = t_tests(cells)
        >>> [round(test.difference, 6) for test in tests]
        [2.0, 0.0]
        >>> [test.p < 0.025 for test in tests]
        [True, False]
    """
    variances = np.array([sample.variance for sample in samples], dtype=np.float64)
    degrees = np.array([sample.degrees for sample in samples], dtype=np.float64)
    prior_degrees, prior_variance = prior(variances, degrees)
    prior_degrees = min(prior_degrees, MAX_PRIOR_DEGREES)
    if prior_degrees > 0:
        variances = (prior_degrees * prior_variance + degrees * variances) / (prior_degrees + degrees)
    moderated_degrees = np.minimum(degrees + PRIOR_DEGREES_SHARE * prior_degrees, degrees.sum())
    tests = []
    for sample, variance, df in zip(samples, variances, moderated_degrees, strict=True):
        error = float(np.sqrt(variance * sample.scale))
        p = crossed.p_of(sample.difference, _parts(error, float(df), sample.points, sample.num_points))
        tests.append(TTest(sample.difference, error, float(df), p, sample.points, sample.num_points))
    return tests


def prior(variances: Array, degrees: Array) -> tuple[float, float]:
    """Fit a scaled inverse chi-square prior to the variances of the cells, both [C]; return its degrees and variance.

    The fit matches the moments of the logarithms. The degrees of freedom are infinite if the variances differ no more
    than expected by chance, and 0 (no information is shared) if fewer than three variances are positive.
    """
    from scipy.special import digamma, polygamma

    positive = variances > 0
    if positive.sum() < 3:
        return 0.0, 0.0
    half = degrees[positive] / 2
    e = np.log(variances[positive]) - digamma(half) + np.log(half)
    excess = e.var(ddof=1) - polygamma(1, half).mean()
    if excess <= 0:
        return np.inf, float(np.exp(e.mean()))
    half_prior = _inverse_trigamma(float(excess))
    return 2 * half_prior, float(np.exp(e.mean() + digamma(half_prior) - np.log(half_prior)))


def _inverse_trigamma(value: float) -> float:
    """Solve trigamma(x) = ``value`` for x, since trigamma is decreasing."""
    from scipy.special import polygamma

    log_x = root(lambda log_x: float(polygamma(1, np.exp(log_x))) - value, -20.0, 20.0)
    return float(np.exp(log_x))
