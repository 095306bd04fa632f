"""How well chains have mixed: the autocorrelation time, and whether several chains agree.

Source: Vehtari et al. 2021, "Rank-normalization, folding, and localization: an improved R-hat"; Geyer 1992, "Practical
Markov chain Monte Carlo", for the initial monotone sequence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

# By chance, the autocorrelation time of antithetic draws, which alternate between sides, can be underestimated, even
# below 0.  With the limit 1 / log10(number of draws) of Stan, errors of 200 such draws were a seventh too large.
SHORTEST_TIME = 1 / 3


@dataclass(frozen=True)
class Mixing:
    """How well several chains determine the mean of a quantity."""

    variance: Tensor  # [...] of the quantity, between chains included
    autocorrelation_time: Tensor  # [...] number of draws equivalent to one independent draw
    r_hat: Tensor  # [...] 1 if the chains agree


def mixing(values: Tensor) -> Mixing:
    """The mixing of C chains of L values each, C at least 1: [L, C, ...] -> [...] each, in float64.

    The variance of the mean over all values is ``variance * autocorrelation_time / (L C)``.  With a single chain, R-hat
    is NaN.

    >>> chains = torch.randn(200, 4, generator=torch.Generator().manual_seed(0))
    >>> found = mixing(chains)
    >>> 0.7 < float(found.autocorrelation_time) < 1.5, round(float(found.r_hat), 1)
    (True, 1.0)
    """
    values = values.double()
    length, num_chains = values.shape[:2]
    centred = values - values.mean(0)
    spectrum = torch.fft.rfft(centred, n=2 * length, dim=0)
    covariances = torch.fft.irfft(spectrum.abs().square(), n=2 * length, dim=0)[:length] / length  # [L, C, ...]
    within = covariances[0].mean(0) * (length / (length - 1))
    between = values.mean(0).var(0) if num_chains > 1 else torch.zeros_like(within)
    variance = within * ((length - 1) / length) + between
    correlation = 1 - (within - covariances.mean(1)) / variance
    correlation[0] = 1
    pairs = correlation[: length // 2 * 2].unflatten(0, (-1, 2)).sum(1)  # of successive lags: positive in theory,
    pairs = pairs.cummin(0).values.clamp_min(0)  # and decreasing
    time = (2 * pairs.sum(0) - 1).clamp_min(SHORTEST_TIME).nan_to_num(nan=1.0)  # values that never vary have zero error
    r_hat = (variance / within).sqrt() if num_chains > 1 else torch.full_like(within, math.nan)
    return Mixing(variance, time, r_hat)
