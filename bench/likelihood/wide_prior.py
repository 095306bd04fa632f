"""Draws from the prior and from wider distributions, among which modes of posteriors are searched."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.models.latent import LatentVariableModel

# The draws are from the prior and from distributions so many times as wide, in turns: Monte Carlo EM, which never
# compares its posteriors with the prior, has modes four of its standard deviations out.
WIDTHS = (1.0, 2.0, 3.0)


def sample_wide_prior(
    model: LatentVariableModel, num_samples: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws from the prior and from WIDTHS times as wide ones around its mean: [S, d], and log s(z) of them all: [S].

    The density s is that of the mixture with equal shares.
    """
    draws = model.sample_prior(num_samples, generator)
    centre = draws.mean(0)
    for place, width in enumerate(WIDTHS):
        draws[place :: len(WIDTHS)] = centre + width * (draws[place :: len(WIDTHS)] - centre)
    each = [model.log_prior(centre + (draws - centre) / width) - draws.shape[1] * math.log(width) for width in WIDTHS]
    return draws, torch.stack(each).logsumexp(0) - math.log(len(WIDTHS))
