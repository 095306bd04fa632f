"""Where a model's bound loses: how much is due to the decoder, to the family of q and to the encoder.

``log p(x) = L[q] + amortisation gap + approximation gap``: the amortisation gap lies between the encoder's q and the
best Gaussian for each datapoint, the approximation gap between that Gaussian and the exact posterior.  If z is
discrete, q is a point mass instead, and the amortisation gap is relative to the best code for each datapoint.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from bench.likelihood import enumeration, gibbs
from bench.likelihood.local import fit_local_posteriors, lower_bound
from bench.models.discrete import DiscreteLatents
from bench.models.frozen import frozen
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel

# A latent dimension is active if the variance of its posterior mean over datapoints exceeds this (Burda et al. 2016,
# section 5).
ACTIVE_VARIANCE = 0.01

BOUND_SAMPLES = 100  # for each bound
INFORMATION_SAMPLES = 10  # draws of z per datapoint


@dataclass(frozen=True)
class Latents:
    """How much information the latent dimensions carry under q: nats per datapoint, except for the variance.

    If z is discrete, each group of codes is a dimension, and its variance is that of its one-hot code, summed.
    """

    kl: Tensor  # [d] mean over x of KL(q(z_j|x) || p(z_j))
    variance: Tensor  # [d] of the posterior mean, over x
    mutual_information: float  # of z and x, at most log N

    @property
    def active(self) -> Tensor:
        """Which dimensions are active: [d] bool."""
        return self.variance > ACTIVE_VARIANCE

    @property
    def num_active(self) -> int:
        """How many dimensions are active."""
        return int(self.active.sum())


@dataclass(frozen=True)
class Diagnosis:
    """Where a model loses, in nats per datapoint; errors are Monte Carlo errors.

    Without an encoder ``bound`` and ``amortisation_gap`` are NaN, and ``latents`` are those of the local posteriors.
    ``latents`` are over all datapoints given, gaps and ``local_latents`` over the first ``num_gap_points``.
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
    num_states: int | None = None  # how many values a discrete z can take
    states_in_use: int | None = None  # how many of them the encoder chooses for some datapoint

    @property
    def collapse(self) -> str:
        """The warning about latent dimensions that carry nothing; empty if all are active."""
        d, active = len(self.latents.kl), self.latents.num_active
        if active == d:
            return ""
        if self.num_states is None:
            units, rule = "latent dimensions", f"the mean of their posterior varies by less than {ACTIVE_VARIANCE}"
        else:
            units, rule = "groups of codes", "their code is nearly always the same"
        warning = f"Posterior collapse: {d - active} of {d} {units} carry no information about x ({rule})"
        other = self.local_latents.num_active
        if other > active:
            warning += f"; posteriors fitted to each datapoint use {other}: the encoder lost them, not the decoder"
        return warning + "."


def diagnose(
    model: LatentVariableModel,
    x: Tensor,
    log_likelihoods: Tensor,
    standard_errors: Tensor,
    generator: torch.Generator,
    num_gap_points: int = 50,
) -> Diagnosis:
    """The diagnosis of a model on x [N, D], given an estimate of log p(x) [N] and its standard errors [N].

    Datapoints without an estimate are excluded from the gaps.
    Cost: about 1750 model evaluations for each of the first ``num_gap_points``, none for the others; if z is discrete,
    one for each of its values, or a few times G K if there are too many values to try all.
    Source: Cremer et al. 2018; Burda et al. 2016; Hoffman & Johnson 2016, "ELBO surgery".

    >>> from bench import seeds
    >>> from bench.architectures.linear import Linear
    >>> from bench.training.problem import Problem
    >>> x = torch.zeros(3, 6)
    >>> model = Problem(x, 2, Linear(), "unit_gaussian").model(encoder=True)
    >>> exact = torch.as_tensor([-5.5, -5.5, -5.5])
    >>> diagnose(model, x, exact, torch.zeros(3), seeds.generator("diagnosis", 0)).latents.num_active
    0
    """
    first = slice(0, num_gap_points)
    log_p, error = log_likelihoods[first].double(), standard_errors[first].double()
    with frozen(model), torch.no_grad():
        if model.discrete is not None:
            bounds = _bounds_of_codes(model.discrete, x, x[first])
        else:
            bounds = _bounds_of_gaussians(model, x, x[first], generator)
    kept = torch.isfinite(log_p) & torch.isfinite(bounds.best)

    def mean(values: Tensor) -> float:
        return float(values[kept].mean())

    def mean_error(*errors: Tensor) -> float:
        return float(sum((e[kept].square().sum() for e in errors), torch.zeros(())).sqrt() / max(1, int(kept.sum())))

    return Diagnosis(
        log_likelihood=mean(log_p),
        bound=mean(bounds.bound),
        best_bound=mean(bounds.best),
        approximation_gap=mean(log_p - bounds.best),
        approximation_gap_se=mean_error(error, bounds.best_error),
        amortisation_gap=mean(bounds.best - bounds.bound),
        amortisation_gap_se=mean_error(bounds.best_error, bounds.bound_error),
        num_gap_points=int(kept.sum()),
        latents=bounds.latents,
        local_latents=bounds.local_latents,
        num_states=None if model.discrete is None else model.discrete.num_states,
        states_in_use=bounds.states_in_use,
    )


class _Bounds(NamedTuple):
    """Bounds on log p(x) and their errors [N], for the best q of the family and for the encoder's."""

    best: Tensor
    best_error: Tensor
    bound: Tensor
    bound_error: Tensor
    latents: Latents
    local_latents: Latents
    states_in_use: int | None = None


def _bounds_of_gaussians(model: LatentVariableModel, x: Tensor, x_gap: Tensor, generator: torch.Generator) -> _Bounds:
    local = fit_local_posteriors(model, x_gap, generator).posterior
    best, best_error = lower_bound(model, x_gap, local, generator, BOUND_SAMPLES)
    local_latents = _latents(local, generator)
    if model.encoder is None:
        unknown = torch.full_like(best, math.nan)
        return _Bounds(best, best_error, unknown, unknown, local_latents, local_latents)
    bound, bound_error = lower_bound(model, x_gap, model.encode(x_gap), generator, BOUND_SAMPLES)
    return _Bounds(best, best_error, bound, bound_error, _latents(model.encode(x), generator), local_latents)


def _bounds_of_codes(model: DiscreteLatents, x: Tensor, x_gap: Tensor) -> _Bounds:
    """The best code by trying all, or by a climb from the encoder's code if there are too many."""
    codes = model.encode_codes(x)
    chosen = codes[: len(x_gap)]
    enumerable = enumeration.is_enumerable(model)
    best_codes = enumeration.best_codes(model, x_gap) if enumerable else gibbs.climb(model, x_gap, chosen)
    best, bound = (model.log_joint_of(x_gap, each).double() for each in (best_codes, chosen))
    exactly = torch.zeros_like(best)
    in_use = len(codes.unique(dim=0))
    return _Bounds(best, exactly, bound, exactly, _of_codes(model, codes), _of_codes(model, best_codes), in_use)


def _of_codes(model: DiscreteLatents, codes: Tensor) -> Latents:
    """The information in codes [N, G]: with q a point mass, I(x; z) is the entropy of their use over datapoints."""
    use = codes.unique(dim=0, return_counts=True)[1].double() / len(codes)
    shares = functional.one_hot(codes, model.num_codes).double().mean(0)  # [G, K]
    return Latents(
        kl=-model.log_prior_terms(codes).double().mean(0),
        variance=1 - shares.square().sum(-1),
        mutual_information=max(0.0, -float((use * use.log()).sum())),
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
    """I(x; z) in nats, with x drawn uniformly from the N datapoints of ``posterior`` [N, d] and z ~ q(z|x).

    The mean over z of the KL divergence from the uniform distribution to that of which datapoint z came from.  It is
    never negative, unlike estimates that subtract two bounds under collapse, and never above log N, however much more
    z says about x.  Cost: ``num_samples`` N x N matrices, and no model evaluation.
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
