"""Many differences known from few seeds each: which are real?

A cell of the grid has some five seeds, too few to know its own spread well, but there are many cells.  Each cell's
variance is drawn towards the one that all cells have in common, as much as the cells themselves say that they do; then
Holm's step-down procedure keeps the chance of *any* false alarm over all cells at the stated rate.
Source: Smyth 2004, "Linear models and empirical Bayes methods for assessing differential expression"; Holm 1979.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# How much the other cells may tell of one: few cells look more alike than they are, and without these two bounds false
# alarms exceed their rate where spreads differ.  `make statistics` prints the rates with them.
MOST_PRIOR_DEGREES = 6.0
COUNTED = 0.5  # the share of the prior degrees that counts towards those of the t-test


@dataclass(frozen=True)
class Sample:
    """A difference of one cell: its estimate and what is known of its error."""

    difference: float
    variance: float  # of a single observation: s^2
    scale: float  # the difference has the variance ``variance * scale``
    degrees: int  # degrees of freedom of ``variance``


def paired(base: ArrayLike, new: ArrayLike) -> Sample:
    """``new - base`` over the seeds that both have, [S] each; at least two."""
    gained = np.asarray(new, dtype=np.float64) - np.asarray(base, dtype=np.float64)
    return Sample(float(gained.mean()), float(gained.var(ddof=1)), 1 / len(gained), len(gained) - 1)


def unpaired(base: ArrayLike, new: ArrayLike) -> Sample:
    """``new - base`` where the seeds differ, [S] and [T]: the pooled variance; at least three values in all."""
    one, other = (np.asarray(values, dtype=np.float64) for values in (base, new))
    degrees = len(one) + len(other) - 2
    squares = ((one - one.mean()) ** 2).sum() + ((other - other.mean()) ** 2).sum()
    return Sample(float(other.mean() - one.mean()), float(squares / degrees), 1 / len(one) + 1 / len(other), degrees)


@dataclass(frozen=True)
class Judged:
    """A difference with what moderation makes of its error."""

    difference: float
    error: float  # standard error
    degrees: float  # degrees of freedom of the error
    p: float  # two-sided

    def interval(self, confidence: float = 0.95) -> tuple[float, float]:
        """Student's t interval of this difference alone: not widened for the others."""
        from scipy.special import stdtrit  # scipy.stats takes a second to import

        half = float(stdtrit(self.degrees, (1 + confidence) / 2)) * self.error
        return self.difference - half, self.difference + half

    def least(self, level: float) -> float:
        """The smallest difference above 0 that would be significant at ``level``, two-sided, with this error."""
        from scipy.special import stdtrit

        return float(stdtrit(self.degrees, 1 - level / 2)) * self.error


def judge(samples: Sequence[Sample]) -> list[Judged]:
    """Each difference with its error moderated by those of the others.

    A difference of 0 that never varies has the p-value 1, another one that never varies 0.
    """
    from scipy.special import stdtr

    variances = np.array([sample.variance for sample in samples], dtype=np.float64)
    degrees = np.array([sample.degrees for sample in samples], dtype=np.float64)
    prior_degrees, prior_variance = prior(variances, degrees)
    prior_degrees = min(prior_degrees, MOST_PRIOR_DEGREES)
    if prior_degrees > 0:
        variances = (prior_degrees * prior_variance + degrees * variances) / (prior_degrees + degrees)
    total = np.minimum(degrees + COUNTED * prior_degrees, degrees.sum())
    found = []
    for sample, variance, own in zip(samples, variances, total, strict=True):
        error = float(np.sqrt(variance * sample.scale))
        statistic = 0.0 if sample.difference == 0 else abs(sample.difference) / error if error else np.inf
        found.append(Judged(sample.difference, error, float(own), float(2 * stdtr(own, -statistic))))
    return found


def prior(variances: Array, degrees: Array) -> tuple[float, float]:
    """Degrees of freedom and variance of the scaled inverse chi-square that the cells' variances [C] seem drawn from.

    By the moments of their logarithms.  The degrees are infinite where the variances differ no more than by chance, and
    0 (every cell stands alone) where there are fewer than three of them that vary.
    """
    from scipy.special import digamma, polygamma

    known = variances > 0
    if known.sum() < 3:
        return 0.0, 0.0
    half = degrees[known] / 2
    e = np.log(variances[known]) - digamma(half) + np.log(half)
    excess = e.var(ddof=1) - polygamma(1, half).mean()
    if excess <= 0:
        return np.inf, float(np.exp(e.mean()))
    half_prior = _inverse_trigamma(float(excess))
    return 2 * half_prior, float(np.exp(e.mean() + digamma(half_prior) - np.log(half_prior)))


def holm(p: ArrayLike, rate: float) -> NDArray[np.bool_]:
    """Which of the hypotheses are rejected when the chance of any false one is to stay below ``rate``: [C] -> [C]."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    passed = values[order] <= rate / np.arange(len(values), 0, -1)
    rejected = np.zeros(len(values), dtype=bool)
    rejected[order[: len(values) if passed.all() else int(np.argmin(passed))]] = True
    return rejected


def _inverse_trigamma(value: float) -> float:
    """x with trigamma(x) = ``value``; trigamma falls, so it is bracketed."""
    from scipy.optimize import brentq
    from scipy.special import polygamma

    log_x = brentq(lambda log_x: float(polygamma(1, np.exp(log_x))) - value, -20.0, 20.0)
    return float(np.exp(log_x))
