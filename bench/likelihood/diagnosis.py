"""Why a model's bound is what it is: what the decoder, the Gaussian family and the encoder each cost.

``log p(x) = L[q] + amortisation gap + approximation gap``: the encoder loses the first gap to the best Gaussian for
each datapoint, and that one the second to the exact posterior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.likelihood.estimator import frozen
from bench.likelihood.local import fit_local_posteriors, lower_bound
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel

# A latent dimension is active where the mean of its posterior varies more than this from datapoint to datapoint
# (Burda et al. 2016, section 5).
ACTIVE_VARIANCE = 0.01

BOUND_SAMPLES = 100  # for each bound
INFORMATION_SAMPLES = 10  # draws of z a datapoint


@dataclass(frozen=True)
class Latents:
    """What the latent dimensions carry under a Gaussian posterior; all in nats a datapoint but for the variance."""

    kl: Tensor  # [d] mean over x of KL(q(z_j|x) || p(z_j))
    variance: Tensor  # [d] of the posterior mean, over x
    mutual_information: float  # of z and x, at most log N

    @property
    def active(self) -> Tensor:
        """Which dimensions are active: [d] bool."""
        return self.variance > ACTIVE_VARIANCE

    @property
    def num_active(self) -> int:
        """How many are."""
        return int(self.active.sum())


@dataclass(frozen=True)
class Diagnosis:
    """Where a model loses, in nats a datapoint; errors are Monte Carlo errors.

    Without an encoder ``bound`` and ``amortisation_gap`` are NaN, and ``latents`` those of the local posteriors.
    ``latents`` are of all datapoints given, gaps and ``local_latents`` of the first ``num_gap_points``.
    """

    log_likelihood: float
    bound: float
    best_bound: float
    approximation_gap: float
    approximation_gap_se: float
    amortisation_gap: float
    amortisation_gap_se: float
    num_gap_points: int
    latents: Latents
    local_latents: Latents

    @property
    def collapse(self) -> str:
        """What to say of latent dimensions that carry nothing; empty where all are active."""
        d, active = len(self.latents.kl), self.latents.num_active
        if active == d:
            return ""
        said = (
            f"Posterior collapse: {d - active} of {d} latent dimensions carry nothing of x "
            f"(the mean of their posterior varies by less than {ACTIVE_VARIANCE})"
        )
        other = self.local_latents.num_active
        if other > active:
            said += f"; posteriors fitted to each datapoint use {other}: the encoder lost them, not the decoder"
        return said + "."


def diagnose(
    model: LatentVariableModel,
    x: Tensor,
    log_likelihoods: Tensor,
    standard_errors: Tensor,
    generator: torch.Generator,
    num_gap_points: int = 50,
) -> Diagnosis:
    """The diagnosis of a model on x [N, D], whose log p(x) [N] and its errors have been estimated before.

    Datapoints without an estimate are left out of the gaps.
    Cost: some 1750 model evaluations for each of the first ``num_gap_points``, none for the others.
    Source: Cremer et al. 2018; Burda et al. 2016; Hoffman & Johnson 2016, "ELBO surgery".
    """
    first = slice(0, num_gap_points)
    x_gap, log_p, error = x[first], log_likelihoods[first].double(), standard_errors[first].double()
    with frozen(model), torch.no_grad():
        local = fit_local_posteriors(model, x_gap, generator).posterior
        best, best_error = lower_bound(model, x_gap, local, generator, BOUND_SAMPLES)
        local_latents = _latents(local, generator)
        bound, bound_error = torch.full_like(best, math.nan), torch.full_like(best, math.nan)
        latents = local_latents
        if model.encoder is not None:
            bound, bound_error = lower_bound(model, x_gap, model.encode(x_gap), generator, BOUND_SAMPLES)
            latents = _latents(model.encode(x), generator)
    kept = torch.isfinite(log_p) & torch.isfinite(best)

    def mean(values: Tensor) -> float:
        return float(values[kept].mean())

    def mean_error(*errors: Tensor) -> float:
        return float(sum((e[kept].square().sum() for e in errors), torch.zeros(())).sqrt() / max(1, int(kept.sum())))

    return Diagnosis(
        log_likelihood=mean(log_p),
        bound=mean(bound),
        best_bound=mean(best),
        approximation_gap=mean(log_p - best),
        approximation_gap_se=mean_error(error, best_error),
        amortisation_gap=mean(best - bound),
        amortisation_gap_se=mean_error(best_error, bound_error),
        num_gap_points=int(kept.sum()),
        latents=latents,
        local_latents=local_latents,
    )


def _latents(posterior: Gaussian, generator: torch.Generator) -> Latents:
    finite = torch.isfinite(posterior.mean).all(-1) & torch.isfinite(posterior.log_variance).all(-1)
    kept = Gaussian(posterior.mean[finite].double(), posterior.log_variance[finite].double())
    return Latents(
        kl=kept.kl_terms().mean(0),
        variance=kept.mean.var(0),
        mutual_information=mutual_information(kept, generator),
    )


def mutual_information(
    posterior: Gaussian, generator: torch.Generator, num_samples: int = INFORMATION_SAMPLES
) -> float:
    """I(x; z) in nats where x is one of the N datapoints of ``posterior`` [N, d] at random and z ~ q(z|x).

    The mean over z of the KL divergence from equal odds to the odds of which datapoint z came from: never negative, as
    estimates that subtract two bounds are under collapse, and never above log N, however much more z tells of x.
    Cost: ``num_samples`` N x N matrices, and no model evaluation.
    """
    precision = (-posterior.log_variance).exp()  # [N, d]
    constant = -0.5 * (posterior.mean.square() * precision + posterior.log_variance).sum(-1)  # [N]
    total = 0.0
    for _ in range(num_samples):
        z = posterior.rsample(generator)
        log_q = constant - 0.5 * z.square() @ precision.T + z @ (posterior.mean * precision).T  # [N of z, N of x]
        log_odds = log_q.log_softmax(-1)
        total += float((log_odds.exp() * log_odds).sum(-1).mean())
    return max(0.0, math.log(len(precision)) + total / num_samples)
