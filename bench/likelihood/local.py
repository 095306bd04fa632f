"""The best diagonal Gaussian for each datapoint's posterior, by local optimisation of the datapoint's lower bound.

It is what the encoder would output if it could choose freely for each datapoint: the encoder's bound is below its bound
by the amortisation gap, and its bound is below log p(x) by the approximation gap.  Source: Cremer et al. 2018,
"Inference suboptimality in variational autoencoders".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.likelihood.blocks import blocks
from bench.likelihood.full_gaussian import fit_scores
from bench.mcmc.posterior import sample_posterior
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel
from bench.models.posterior import Posterior

# A short chain finds the location and width of each posterior, which saves most of the optimisation.
NUM_WARMUP, NUM_DRAWS, NUM_LEAPFROG = 30, 30, 4

# Draws per step: antithetic pairs, so that the gradient in the mean is exact if the posterior is Gaussian.
NUM_PAIRS = 4
NUM_STEPS = 50
LONGEST_SHIFT = 2.0  # of the mean in one step, in standard deviations
LARGEST_CHANGE = 10.0  # of the precision in one step, as a factor


@dataclass(frozen=True)
class LocalPosteriors:
    """q*(z|x) for each datapoint, and the cost of the optimisation."""

    posterior: Gaussian  # [N, d]
    model_evaluations: int


def fit_local_posteriors(
    model: LatentVariableModel, x: Tensor, generator: torch.Generator, num_steps: int = NUM_STEPS
) -> LocalPosteriors:
    """The Gaussian with diagonal covariance and the highest lower bound for each row of x [N, D], in the dtype of x.

    Stochastic natural-gradient steps of decreasing size, from a Gaussian fitted to a short Hamiltonian Monte Carlo
    chain: the mean takes a Newton step, and the precision moves towards the mean curvature.  The result is a maximum up
    to optimisation error, and its bound is valid in any case.  Source: Khan & Rue 2023, "The Bayesian learning rule".
    Cost: ``16 * num_steps`` model evaluations per datapoint, and 482 for the chain (582 without an encoder).
    """
    fitted = [_fit(model, block, generator, num_steps) for block in blocks(x)]
    posterior = Gaussian(
        torch.cat([part.posterior.mean for part in fitted]), torch.cat([part.posterior.log_variance for part in fitted])
    )
    return LocalPosteriors(posterior, sum(part.model_evaluations for part in fitted))


def _fit(model: LatentVariableModel, x: Tensor, generator: torch.Generator, num_steps: int) -> LocalPosteriors:
    chain = sample_posterior(
        model, x, generator, num_warmup=NUM_WARMUP, num_samples=NUM_DRAWS, num_leapfrog=NUM_LEAPFROG
    )
    start = fit_scores(chain.z, chain.gradient)
    mean = start.mean.to(x.dtype)
    precision = start.inverse_root.square().sum(-2).to(x.dtype)  # the inverse covariance's diagonal: exact if Gaussian
    for step in range(num_steps):
        mean, precision = natural_step(model, x, mean, precision, generator, num_pairs=NUM_PAIRS, rate=2 / (step + 3))
    return LocalPosteriors(
        Gaussian(mean, -precision.log()), chain.model_evaluations + 2 * 2 * NUM_PAIRS * num_steps * len(x)
    )


def natural_step(
    model: LatentVariableModel,
    x: Tensor,
    mean: Tensor,
    precision: Tensor,
    generator: torch.Generator,
    *,
    num_pairs: int,
    rate: float,
) -> tuple[Tensor, Tensor]:
    """One stochastic natural-gradient step on each datapoint's lower bound: a Gaussian's new mean and precision [N, d].

    The mean takes a fraction ``rate`` of a Newton step, and the precision moves by the same fraction towards the mean
    curvature of log p(x, z), estimated from ``num_pairs`` antithetic pairs of draws; the steps do not depend on the
    scale of z.
    Cost: ``4 num_pairs`` model evaluations per datapoint.
    """
    half = torch.randn(num_pairs, *mean.shape, generator=generator, dtype=x.dtype, device=x.device)
    noise = torch.cat([half, -half])
    scale = precision.rsqrt()
    gradient = model.log_joint_gradient(x, mean + scale * noise).nan_to_num(0.0)
    residual = gradient + noise / scale  # 0 if the posterior is this Gaussian, which removes the noise
    curvature = precision - (noise * residual).mean(0) / scale  # E[-d^2 log p / dz^2] (Stein)
    curvature = curvature.clamp(precision / LARGEST_CHANGE, precision * LARGEST_CHANGE)
    shift = (scale * gradient.mean(0)).clamp(-LONGEST_SHIFT, LONGEST_SHIFT)
    return mean + rate * scale * shift, torch.lerp(precision, curvature, rate)


def lower_bound(
    model: LatentVariableModel, x: Tensor, posterior: Posterior, generator: torch.Generator, num_samples: int
) -> tuple[Tensor, Tensor]:
    """The lower bound of each row of x [N, D] under ``posterior`` and its standard error, each [N] nats.

    The mean of ``log p(x, z) - log q(z)``, which is a bound for any prior and whose error is 0 if q is exact.
    Cost: ``num_samples`` model evaluations per datapoint.
    """
    draws = []
    with torch.no_grad():
        for _ in range(num_samples):
            z, log_q = posterior.rsample_with_log_prob(generator)
            draws.append((model.log_joint(x, z) - log_q).double())
    values = torch.stack(draws)
    return values.mean(0), values.std(0) / math.sqrt(num_samples)
