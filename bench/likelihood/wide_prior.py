"""Draws from the prior and from wider distributions, among which modes of posteriors are searched."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from bench.models.latent import LatentVariableModel

# The draws are taken in turn from the prior and from distributions that are wider by these factors: nothing in Monte
# Carlo EM pulls the posteriors towards the prior, and some of their modes are four standard deviations of the prior
# from its mean.
WIDTHS = (1.0, 2.0, 3.0)


def sample_wide_prior(
    model: LatentVariableModel, num_samples: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Draws [S, d] from the prior and from versions of it that are WIDTHS times as wide, and their log s(z) [S].

    The density s is that of their mixture with equal weights.
    """
    of_prior = model.sample_prior(num_samples, generator)
    centre = of_prior.mean(0)
    draws = of_prior.clone()
    for place, width in enumerate(WIDTHS[1:], start=1):
        draws[place :: len(WIDTHS)] = centre + width * (of_prior[place :: len(WIDTHS)] - centre)
    each = [model.log_prior(centre + (draws - centre) / width) - draws.shape[1] * math.log(width) for width in WIDTHS]
    return draws, torch.stack(each).logsumexp(0) - math.log(len(WIDTHS))
