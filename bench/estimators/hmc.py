"""The paper's estimator of log p(x) by Hamiltonian Monte Carlo (AEVB, appendix D)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.estimator import Estimate, Estimator
from bench.likelihood.blocks import blocks
from bench.likelihood.bridge import stuck_warnings
from bench.likelihood.full_gaussian import fit_moments
from bench.likelihood.weights import LOOSE_ERRORS, LOOSE_NATS
from bench.mcmc.posterior import Samples, sample_posterior
from bench.models.latent import LatentVariableModel
from bench.options import option

# Batches of successive values for the standard error: few and long, since a chain's values are correlated.
NUM_BATCHES = 5

# The paper's own limit (appendix D).
LARGEST_LATENT_SIZE = 5

# Fewer draws per latent dimension are too few to fit a covariance.
DRAWS_PER_DIMENSION = 10


@dataclass(frozen=True)
class HMCOptions:
    """Options of the `hmc` estimator."""

    num_samples: int = option(
        50, "draws that the density is fitted to, and as many again that are averaged", unit="samples", minimum=10
    )
    num_warmup: int = option(50, "steps that adapt the step size and are discarded", unit="steps", minimum=1)
    num_leapfrog: int = option(4, "leapfrog steps from one draw to the next", unit="steps", minimum=1)


class HMC(Estimator):
    """The paper's estimator: a density fitted to posterior draws, averaged in reciprocal over new ones.

    ``p(x) ~ [ (1/L) sum_l q(z_l) / (p(z_l) p(x|z_l)) ]^-1`` with q a full-covariance Gaussian.  Biased upward; a chain
    that stays in one of several modes gives only that mode's share of p(x).  Cost:
    ``2 + 2 * num_leapfrog * (num_warmup + 2 * num_samples)`` model evaluations per datapoint, and 100 more without an
    encoder.  Source: Kingma & Welling 2014, appendix D; the Gaussian replaces its kernel density, which is worse.

    >>> HMC(num_samples=100).options.num_leapfrog
    4
    """

    Options = HMCOptions
    options: HMCOptions

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        runs = [self._run(model, block, generator) for block in blocks(x)]
        estimates = [_reciprocal(run, self.options.num_samples) for run in runs]
        log_likelihoods, standard_errors = (torch.cat(parts) for parts in zip(*estimates, strict=True))
        acceptance = torch.cat([run.acceptance for run in runs])
        divergences = torch.cat([run.divergences for run in runs])
        return Estimate(
            log_likelihoods=log_likelihoods,
            standard_errors=standard_errors,
            bias="upward",
            model_evaluations=sum(run.model_evaluations for run in runs),
            diagnostics={"acceptance": acceptance, "divergences": divergences},
            summary={
                "acceptance": float(acceptance.mean()),
                "divergences": float(divergences.sum()),
                "looseness": -float(0.5 * standard_errors.square().nanmean()),  # it lies above
            },
            warnings=(
                *_unsuited(model.latent_size),
                *_few(self.options.num_samples, model.latent_size),
                *_high(standard_errors),
                *_diverged(divergences),
                *stuck_warnings(acceptance),
            ),
        )

    def _run(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Samples:
        """One chain, whose first half the density will be fitted to and whose second half is averaged."""
        return sample_posterior(
            model,
            x,
            generator,
            num_warmup=self.options.num_warmup,
            num_samples=2 * self.options.num_samples,
            num_leapfrog=self.options.num_leapfrog,
        )


def _reciprocal(run: Samples, num_samples: int) -> tuple[Tensor, Tensor]:
    """log p(x) and its standard error, each [N], from a chain of ``2 * num_samples`` states."""
    q = fit_moments(run.z[:num_samples])
    log_ratio = q.log_prob(run.z[num_samples:].double()) - run.log_joint[num_samples:].double()  # [L, N]
    return math.log(num_samples) - log_ratio.logsumexp(0), batch_jackknife(log_ratio)


def batch_jackknife(log_values: Tensor) -> Tensor:
    """The standard error of ``log mean exp(log_values)`` over the first axis, an autocorrelated chain: [L, N] -> [N].

    The mean is recomputed without each of NUM_BATCHES batches of successive values.  About 10 % too small at L = 50,
    right at L = 200 (measured against repeated runs).  Source: Kuensch 1989, "The jackknife and the bootstrap for
    general stationary observations".
    """
    length = len(log_values) // NUM_BATCHES
    batches = log_values[len(log_values) - NUM_BATCHES * length :].unflatten(0, (NUM_BATCHES, length)).logsumexp(1)
    others = ~torch.eye(NUM_BATCHES, dtype=torch.bool, device=batches.device)
    without = torch.stack([batches[kept].logsumexp(0) for kept in others])
    deviations: Tensor = without.std(0)
    return deviations * ((NUM_BATCHES - 1) / math.sqrt(NUM_BATCHES))


def _unsuited(latent_size: int) -> tuple[str, ...]:
    if latent_size <= LARGEST_LATENT_SIZE:
        return ()
    warning = (
        f"The paper's estimator is good below about {LARGEST_LATENT_SIZE} latent dimensions and is biased upward above "
        f"(here {latent_size}): use importance or ais."
    )
    return (warning,)


def _few(num_samples: int, latent_size: int) -> tuple[str, ...]:
    """The warning about too few draws to fit a covariance."""
    if num_samples >= DRAWS_PER_DIMENSION * latent_size:
        return ()
    warning = (
        f"{num_samples} draws are too few to fit a density in {latent_size} dimensions: trust neither the estimate nor "
        f"its standard error. Raise num_samples to at least {DRAWS_PER_DIMENSION * latent_size}."
    )
    return (warning,)


def _high(standard_errors: Tensor) -> tuple[str, ...]:
    """The warning about an upward bias that exceeds the Monte Carlo error reported beside the mean."""
    errors = standard_errors[torch.isfinite(standard_errors)].double()
    if not len(errors):
        return ()
    expected, error = float(0.5 * errors.square().mean()), float(errors.square().sum().sqrt() / len(errors))
    if expected <= max(LOOSE_NATS, LOOSE_ERRORS * error):
        return ()
    return (f"The mean is expected to lie {expected:.2g} nats too high, or more. Raise num_samples.",)


def _diverged(divergences: Tensor) -> tuple[str, ...]:
    divergent = int((divergences > 0).sum())
    if not divergent:
        return ()
    return (f"{divergent} of {len(divergences)} chains diverged after warm-up: their draws miss part of p(z|x).",)
