"""log p(x) of linear-Gaussian models in closed form, and of discrete ones as a sum."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bench.estimator import Estimator
from bench.likelihood import enumeration
from bench.likelihood.estimate import Estimate
from bench.models.affine import AffineGaussian, AffineLocation
from bench.models.decoder import GaussianDecoder
from bench.models.discrete import DiscreteModel
from bench.models.latent import LatentVariableModel
from bench.statistics import ppca


class Exact(Estimator):
    """The exact log p(x) of models that have one: the truth that others are held against.

    Linear-Gaussian models, probabilistic PCA: ``x ~ N(b, W W^T + s^2 I)``, a Gaussian decoder of the `linear` model,
    at no model evaluation.  Discrete z: ``log sum_k p(k) p(x|z_k)`` over all its values, up to 65,536, at a model
    evaluation each.  Source: Tipping & Bishop 1999.
    """

    takes_codes: ClassVar[bool] = True

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        if isinstance(model, DiscreteModel):
            if enumeration.is_enumerable(model):
                return ""
            return (
                f"exact sums over up to {enumeration.LARGEST_NUM_STATES} values of z, and here z is one of "
                f"{model.latents_in_words}: use importance."
            )
        decoder, standard = model.decoder, type(model).log_prior is LatentVariableModel.log_prior
        gaussian = isinstance(decoder, GaussianDecoder)
        if standard and gaussian and isinstance(decoder.network, (AffineGaussian, AffineLocation)):
            return ""
        return (
            "exact needs a linear-Gaussian model (--model linear with a Gaussian decoder) or a discrete z, and this is "
            f"a {type(decoder).__name__} of {type(decoder.network).__name__} with continuous z: use quadrature for up "
            "to 3 latent dimensions, ais or importance for more."
        )

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        if isinstance(model, DiscreteModel):
            values, cost = enumeration.log_likelihood(model, x), model.num_states * len(x)
        else:
            values, cost = _marginal(model, x), 0
        return Estimate(values, torch.zeros_like(values), "consistent", model_evaluations=cost)


@torch.no_grad()
def _marginal(model: LatentVariableModel, x: Tensor) -> Tensor:
    """log N(x; b, W W^T + s^2 I) for each row of x [N, D]: [N] nats, float64."""
    origin = torch.zeros(1, model.latent_size, dtype=torch.float64)
    steps = torch.eye(model.latent_size, dtype=torch.float64)
    network = model.decoder.network
    bias, log_variance = network(origin.to(x))
    weights = (network(steps.to(x))[0] - bias).double().cpu()  # [d, D]
    variance = 1.0 if log_variance is None else float(log_variance.double().exp().flatten()[0])
    found = ppca.log_likelihood(x.detach().cpu(), weights.T, bias[0].double().cpu(), variance)
    return torch.as_tensor(found, device=x.device)
