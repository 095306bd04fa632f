"""The paper's estimator of log p(x) by Hamiltonian Monte Carlo (AEVB, appendix D)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.estimator import Estimate, Estimator
from bench.likelihood.blocks import blocks
from bench.likelihood.bridge import stuck_warnings
from bench.likelihood.estimate import inflation
from bench.likelihood.full_gaussian import fit_moments
from bench.likelihood.weights import LOOSE_ERRORS, LOOSE_NATS
from bench.mcmc.mixing import mixing
from bench.mcmc.posterior import Samples, sample_posterior
from bench.models.latent import LatentVariableModel
from bench.options import option

# If R-hat is larger, the chains of a datapoint have not converged to the same distribution.
LARGEST_R_HAT = 1.2

# The paper's own limit (appendix D).
LARGEST_LATENT_SIZE = 5

# The variance of a mean of autocorrelated, skewed draws is as uncertain as for this many times fewer independent ones.
DRAWS_PER_DEGREE, LEAST_DEGREES = 20, 3.0

# With fewer draws per latent dimension, a covariance cannot be fitted reliably.
DRAWS_PER_DIMENSION = 10


@dataclass(frozen=True)
class HMCOptions:
    """Options of the `hmc` estimator."""

    num_samples: int = option(
        50,
        "draws per chain that the density is fitted to, and as many again that are averaged",
        unit="samples",
        minimum=10,
    )
    num_chains: int = option(4, "chains per datapoint", unit="chains", minimum=1)
    num_warmup: int = option(50, "steps that adapt the step size and are discarded", unit="steps", minimum=1)
    num_leapfrog: int = option(4, "leapfrog steps from one draw to the next", unit="steps", minimum=1)


class HMC(Estimator):
    """The paper's estimator: reciprocal importance sampling with a density fitted to other draws from the posterior.

    ``p(x) ~ [ (1/L) sum_l q(z_l) / (p(z_l) p(x|z_l)) ]^-1`` with q a full-covariance Gaussian.  The estimator is biased
    upward; a chain that stays in one of several modes accounts only for that mode's share of p(x).  Cost per
    datapoint: ``num_chains * (2 + 2 * num_leapfrog * (num_warmup + 2 * num_samples))`` model evaluations, and
    ``100 * num_chains`` more without an encoder.
    Source: Kingma & Welling 2014, appendix D; the Gaussian replaces the kernel density estimate used there, which is
    less accurate.

    >>> HMC(num_samples=100).options.num_leapfrog
    4
    """

    Options = HMCOptions
    options: HMCOptions

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        runs = [self._run(model, block, generator) for block in blocks(x, self.options.num_chains)]
        results = [_reciprocal(run, self.options) for run in runs]
        log_likelihoods, standard_errors, r_hat = (torch.cat(parts) for parts in zip(*results, strict=True))
        degrees = max(LEAST_DEGREES, self.options.num_samples * self.options.num_chains / DRAWS_PER_DEGREE)
        acceptance = torch.cat([run.acceptance.view(self.options.num_chains, -1).mean(0) for run in runs])
        divergences = torch.cat([run.divergences.view(self.options.num_chains, -1).sum(0) for run in runs])
        return Estimate(
            log_likelihoods=log_likelihoods,
            standard_errors=standard_errors * inflation(degrees),
            degrees=degrees,
            bias="upward",
            model_evaluations=sum(run.model_evaluations for run in runs),
            diagnostics={"acceptance": acceptance, "divergences": divergences, "r_hat": r_hat},
            summary={
                "acceptance": float(acceptance.mean()),
                "divergences": float(divergences.sum()),
                "looseness": -float(0.5 * standard_errors.square().nanmean()),  # the estimate is too high
            },
            warnings=(
                *_unsuited(model.latent_size),
                *_few(self.options.num_samples * self.options.num_chains, model.latent_size),
                *_high(standard_errors),
                *_diverged(divergences),
                *_apart(r_hat),
                *stuck_warnings(acceptance),
            ),
        )

    def _run(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Samples:
        """Run chains [S, C N, d]: the density is fitted to their first halves and averaged over their second halves."""
        return sample_posterior(
            model,
            x.repeat(self.options.num_chains, 1),
            generator,
            num_warmup=self.options.num_warmup,
            num_samples=2 * self.options.num_samples,
            num_leapfrog=self.options.num_leapfrog,
        )


def _reciprocal(run: Samples, options: HMCOptions) -> tuple[Tensor, Tensor, Tensor]:
    """log p(x), its standard error and the largest R-hat, each [N], from chains of ``2 * num_samples`` states."""
    z, log_joint = (part.unflatten(1, (options.num_chains, -1)) for part in (run.z.double(), run.log_joint.double()))
    z_fit, z_new = z.split(options.num_samples)  # [L, C, N, d] each
    q = fit_moments(z_fit.flatten(0, 1))
    log_ratio = q.log_prob(z_new) - log_joint[options.num_samples :]  # [L, C, N]
    log_likelihoods = -(log_ratio.flatten(0, 1).logsumexp(0) - math.log(log_ratio[..., 0].numel()))
    ratio = mixing((log_ratio + log_likelihoods).exp())  # with mean 1, so its error is that of the logarithm
    variance = ratio.variance * ratio.autocorrelation_time / log_ratio[..., 0].numel()
    return log_likelihoods, variance.sqrt(), mixing(z_new).r_hat.amax(-1)


def _apart(r_hat: Tensor) -> tuple[str, ...]:
    """The warning about chains that have not converged to the same distribution."""
    apart = int((r_hat > LARGEST_R_HAT).sum())
    if not apart:
        return ()
    warning = (
        f"The chains of {apart} of {len(r_hat)} datapoints stay in different places (R-hat above {LARGEST_R_HAT}), "
        "probably modes of p(z|x), and those of other datapoints may have missed some: trust neither the estimates nor "
        "their standard errors. Use importance or ais."
    )
    return (warning,)


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
