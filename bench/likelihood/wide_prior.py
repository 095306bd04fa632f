"""Draws from the prior and from wider distributions, among which modes of posteriors are searched."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.models.latent import LatentVariableModel

# The draws are from the prior and from distributions so many times as wide, in turns: nothing in Monte Carlo EM draws
# the posteriors together towards the prior, and some of its modes are four standard deviations of the prior out.
WIDTHS = (1.0, 2.0, 3.0)


def sample_wide_prior(
    model: LatentVariableModel, num_samples: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws from the prior and from WIDTHS times as wide ones around their mean: [S, d], and log s(z) of them all: [S].

    The density s is that of the mixture with equal shares.
    """
    of_prior = model.sample_prior(num_samples, generator)
    centre = of_prior.mean(0)
    draws = of_prior.clone()
    for place, width in enumerate(WIDTHS[1:], start=1):
        draws[place :: len(WIDTHS)] = centre + width * (of_prior[place :: len(WIDTHS)] - centre)
    each = [model.log_prior(centre + (draws - centre) / width) - draws.shape[1] * math.log(width) for width in WIDTHS]
    return draws, torch.stack(each).logsumexp(0) - math.log(len(WIDTHS))
