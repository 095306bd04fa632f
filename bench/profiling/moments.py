"""Means and variances of gradients over repetitions, with the Monte Carlo errors of what is made of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

BLOCKS = 16  # of repetitions, which are left out in turn (the jackknife)
ROUNDING = 1e-5  # a standard deviation below this share of the mean is rounding in single precision, not noise


class Measured(NamedTuple):
    """A number with its Monte Carlo standard error."""

    value: float
    error: float


class Moments:
    """The first two moments of R independent gradients [P], in `BLOCKS` blocks.

    >>> moments = Moments()
    >>> noise = torch.randn(1600, 3, generator=torch.Generator().manual_seed(0))
    >>> for gradient in 1 + 2 * noise:
    ...     moments.add(gradient)
    >>> ratio = moments.signal_to_noise()
    >>> round(ratio.value, 1), ratio.error < 0.03
    (0.5, True)
    """

    def __init__(self) -> None:
        """Without any gradients yet."""
        self.count = 0
        self._origin = torch.empty(0)  # the first gradient: sums of differences from it lose no digits
        self._sums = self._squares = torch.empty(0)  # [B, P]

    def add(self, gradient: Tensor) -> None:
        """Add the gradient [P] of a further repetition; their number must become a multiple of `BLOCKS`."""
        gradient = gradient.double()
        if self.count == 0:
            self._origin = gradient.clone()
            self._sums, self._squares = (gradient.new_zeros(BLOCKS, len(gradient)) for _ in range(2))
        difference = gradient - self._origin
        self._sums[self.count % BLOCKS] += difference
        self._squares[self.count % BLOCKS] += difference.square()
        self.count += 1

    @property
    def mean(self) -> Tensor:
        """The mean gradient: [P]."""
        return self._origin + self._sums.sum(0) / self.count

    @property
    def variance(self) -> Tensor:
        """The variance of each entry of a single gradient: [P]."""
        return self._moments(torch.ones(BLOCKS, dtype=torch.bool))[1]

    @property
    def block_means(self) -> Tensor:
        """The mean of each block: [B, P]."""
        return self._origin + self._sums / (self.count // BLOCKS)

    def total_variance(self) -> Measured:
        """The sum of the variances of all entries: the mean square distance of a gradient from its mean."""
        return self._jackknife(lambda kept: float(self._moments(kept)[1].sum()))

    def signal_to_noise(self) -> Measured:
        """The signal-to-noise ratio: the root, over entries, of the mean of ``(E g)^2 / Var g``.

        Entries that do not vary, or vary in only one block, are left out, since their ratio is undefined.  The square
        of the mean of R gradients is too large by Var g / R, on average, which is subtracted: otherwise pure noise
        would have the ratio 1 / sqrt(R).  Infinite if nothing varies, NaN if the gradient is 0 or varies too seldom.
        Source: Rainforth et al. 2018, equation 6, for one entry.
        """
        mean, variance = self._moments(torch.ones(BLOCKS, dtype=torch.bool))
        if not _varies(mean, variance).any():
            return Measured(math.inf if mean.any() else math.nan, 0.0)
        varies = torch.stack([_varies(*self._moments(kept)) for kept in ~torch.eye(BLOCKS, dtype=torch.bool)]).all(0)
        if not varies.any():
            return Measured(math.nan, math.nan)

        def square(kept: Tensor) -> float:
            mean, variance = (each[varies] for each in self._moments(kept))
            number = self.count // BLOCKS * int(kept.sum())
            return float(((number - 3) / (number - 1) * mean.square() / variance).mean()) - 1 / number

        return _root(self._jackknife(square))

    def distance(self, target: Tensor) -> Measured:
        """How far the expected gradient is from a target, as a share of the target: ``|E g - t| / |t|``.

        The ``target`` is given as `BLOCKS` independent estimates [B, P], the first of which may share its noise with
        the first block here, and so on.  Squares are products of different blocks, so that noise adds nothing to them.
        """
        return relative_distance(self.block_means - target, target)

    def _moments(self, kept: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and variance [P] over the blocks that are ``kept`` [B]."""
        number = self.count // BLOCKS * int(kept.sum())
        offset = self._sums[kept].sum(0) / number
        variance = (self._squares[kept].sum(0) - number * offset.square()).clamp_min(0) / (number - 1)
        return self._origin + offset, variance

    def _jackknife(self, statistic: Callable[[Tensor], float]) -> Measured:
        """A statistic of the blocks that are kept, and its error from leaving out each in turn."""
        every = torch.ones(BLOCKS, dtype=torch.bool)
        return Measured(
            statistic(every),
            _spread([statistic(torch.arange(BLOCKS) != block) for block in range(BLOCKS)]),
        )


def _varies(mean: Tensor, variance: Tensor) -> Tensor:
    return variance.sqrt() > ROUNDING * mean.abs()


def relative_distance(differences: Tensor, targets: Tensor) -> Measured:
    """``|E d| / |E t|`` of `BLOCKS` independent estimates ``differences`` and ``targets`` [B, P], with its error."""
    of_differences, of_targets = differences @ differences.T, targets @ targets.T  # [B, B]

    def ratio(kept: Tensor) -> float:
        above, below = (_off_diagonal(each[kept][:, kept]) for each in (of_differences, of_targets))
        return above / below if below > 0 else math.nan

    every = torch.ones(BLOCKS, dtype=torch.bool)
    left_out = [ratio(torch.arange(BLOCKS) != block) for block in range(BLOCKS)]
    return _root(Measured(ratio(every), _spread(left_out)))


def _off_diagonal(products: Tensor) -> float:
    """The mean product of two different blocks."""
    number = len(products)
    return float(products.sum() - products.diagonal().sum()) / (number * (number - 1))


def _spread(left_out: list[float]) -> float:
    """The jackknife's standard error, from the values that a statistic has without each block."""
    values = torch.tensor(left_out, dtype=torch.float64)
    return float(((BLOCKS - 1) / BLOCKS * (values - values.mean()).square().sum()).sqrt())


def _root(square: Measured) -> Measured:
    """The root of a square that may be estimated as negative; the error is half the width of what it may be."""
    value, error = square
    if math.isnan(value):
        return Measured(math.nan, math.nan)
    value = max(value, 0.0)
    return Measured(math.sqrt(value), (math.sqrt(value + error) - math.sqrt(max(value - error, 0.0))) / 2)
