"""Where a model's bound loses: how much is due to the decoder, to the family of q and to the encoder.

``log p(x) = L[q] + amortisation gap + approximation gap``: the amortisation gap is the difference between the encoder's
q and the best Gaussian for each datapoint, the approximation gap that between this Gaussian and the exact posterior.
If z is discrete, q is a point mass instead, and the amortisation gap is relative to the best code for each datapoint;
if the encoder draws its codes, q is a distribution over them, and the gap is relative to the best such distribution for
each datapoint.  An encoder with another family of q can be better than the best Gaussian: its amortisation gap is then
negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from bench.likelihood.calibration import Calibration, calibrate
from bench.likelihood.code_family import CodeFamily
from bench.likelihood.family import ACTIVE_VARIANCE, Family, Latents
from bench.likelihood.gaussian_family import GaussianFamily
from bench.likelihood.random_code_family import RandomCodeFamily
from bench.models.frozen import frozen
from bench.models.latent import LatentVariableModel


@dataclass(frozen=True)
class Diagnosis:
    """Where a model loses log-likelihood, in nats per datapoint; errors are Monte Carlo errors.

    Without an encoder ``bound`` and ``amortisation_gap`` are NaN, and ``latents`` are those of the local posteriors.
    ``latents`` are computed over all datapoints given, gaps and ``local_latents`` over the first ``num_gap_points``.
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
    states_in_use: int | None = None  # how many of them the encoder chooses for at least one datapoint
    calibration: Calibration | None = None  # of the encoder; None without one, and if z is discrete

    @property
    def collapse(self) -> str:
        """The warning about latent dimensions that carry no information; empty if all are active."""
        d, active = len(self.latents.kl), self.latents.num_active
        if active == d:
            return ""
        if self.num_states is None:
            units, rule = "latent dimensions", f"the variance of their posterior mean is below {ACTIVE_VARIANCE}"
        else:
            units, rule = "groups of codes", "their code hardly depends on x"
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
    Cost: about 1750 model evaluations for each of the first ``num_gap_points``, none for the others, and 1000 for the
    calibration of the encoder; if z is discrete, one for each of its values, or a few times G K if there are too many
    values to try all or if the encoder draws them.
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
    x = x.to(model.dtype)
    log_p, error = log_likelihoods[:num_gap_points].double(), standard_errors[:num_gap_points].double()
    family = _family(model)
    with frozen(model), torch.no_grad():
        bounds = family.bounds(x, num_gap_points, generator)
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
        calibration=calibrate(model, generator) if model.encoder is not None and model.discrete is None else None,
    )


def _family(model: LatentVariableModel) -> Family:
    if model.discrete is None:
        return GaussianFamily(model)
    random = model.discrete.random
    return CodeFamily(model.discrete) if random is None else RandomCodeFamily(random)
