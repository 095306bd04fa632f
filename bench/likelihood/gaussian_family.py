"""Gaussians with diagonal covariance, for models whose z is continuous."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.likelihood.family import Bounds, Latents
from bench.likelihood.local import fit_local_posteriors, lower_bound
from bench.models.latent import LatentVariableModel
from bench.models.posterior import Posterior

BOUND_SAMPLES = 100  # for each bound
INFORMATION_SAMPLES = 10  # draws of z per datapoint
FEWER_POINTS = 300  # if pairs of z and x are expensive


@dataclass(frozen=True)
class GaussianFamily:
    """The encoder's q(z|x), and the best Gaussian for each datapoint, found by optimisation."""

    model: LatentVariableModel

    def bounds(self, x: Tensor, num_gap_points: int, generator: torch.Generator) -> Bounds:
        """See `Family`; without an encoder its bound is NaN, and ``latents`` are those of the best Gaussians."""
        model, x_gap = self.model, x[:num_gap_points]
        local = fit_local_posteriors(model, x_gap, generator).posterior
        best, best_error = lower_bound(model, x_gap, local, generator, BOUND_SAMPLES)
        local_latents = _latents(local, generator)
        if model.encoder is None:
            unknown = torch.full_like(best, math.nan)
            return Bounds(best, best_error, unknown, unknown, local_latents, local_latents)
        bound, bound_error = lower_bound(model, x_gap, model.encode(x_gap), generator, BOUND_SAMPLES)
        return Bounds(best, best_error, bound, bound_error, _latents(model.encode(x), generator), local_latents)


def _latents(posterior: Posterior, generator: torch.Generator) -> Latents:
    kept = posterior.finite()
    return Latents(
        kl=kept.kl_terms().double().mean(0),
        variance=kept.mean.double().var(0),
        mutual_information=mutual_information(kept, generator),
    )


def mutual_information(
    posterior: Posterior, generator: torch.Generator, num_samples: int = INFORMATION_SAMPLES
) -> float:
    """I(x; z) in nats, with x drawn uniformly from the N datapoints of ``posterior`` [N, d] and z ~ q(z|x).

    The mean over z of the KL divergence of the distribution over which datapoint z came from, relative to the uniform
    distribution.  It is never negative, unlike estimates that subtract two bounds under posterior collapse, and never
    above log N, however much more information about x is in z.  If pairs of z and x are expensive, one draw for each of
    the first FEWER_POINTS is taken, and N is their number.
    Cost: ``num_samples`` N x N matrices, and no model evaluation.
    """
    if not posterior.cheap_pairs:
        posterior, num_samples = posterior.first(FEWER_POINTS), 1
    total = 0.0
    for _ in range(num_samples):
        log_odds = posterior.log_prob_of_pairs(posterior.rsample(generator)).log_softmax(-1)  # [N of z, N of x]
        total += float((log_odds.exp() * log_odds).sum(-1).mean())
    return max(0.0, math.log(len(posterior.mean)) + total / num_samples)
