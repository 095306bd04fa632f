"""log p(x) of linear-Gaussian models in closed form, and of models with discrete z as a sum."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor

from bench.errors import OptionError
from bench.estimator import Estimate, Estimator
from bench.likelihood import enumeration
from bench.models.latent import LatentVariableModel, LinearGaussian
from bench.statistics import ppca


class Exact(Estimator):
    """The exact log p(x) of models for which it can be computed: the ground truth for checking other estimators.

    Linear-Gaussian models (probabilistic PCA): ``x ~ N(b, W W^T + s^2 I)``, as with ``--model linear`` and Gaussian
    pixels; no model evaluations are needed.  Discrete z: ``log sum_k p(k) p(x|z_k)`` over all values of z, up to
    65,536, with one model evaluation per value.  Source: Tipping & Bishop 1999.

    >>> from bench.architectures.linear import Linear
    >>> from bench.training.problem import Problem
    >>> Exact().refusal(Problem(torch.zeros(1, 6), 2, Linear(), "gaussian").model(encoder=False))
    ''
    """

    takes_codes: ClassVar[bool] = True

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        if model.discrete is not None:
            if enumeration.is_enumerable(model.discrete):
                return ""
            return (
                f"exact sums over up to {enumeration.LARGEST_NUM_STATES} values of z, and here z is one of "
                f"{model.discrete.latents_in_words}: use importance."
            )
        if model.linear_gaussian() is not None:
            return ""
        network, pixels = type(model.decoder.network).__name__, model.decoder.observation_model.plugin_name()
        return (
            "exact needs a linear-Gaussian model (--model linear with Gaussian pixels) or a discrete z, and this model "
            f"has the decoder network {network} with {pixels} pixels and continuous z: use quadrature for up to 3 "
            "latent dimensions, ais or importance for more."
        )

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        if model.discrete is not None:
            values, cost = enumeration.log_likelihood(model.discrete, x), model.discrete.num_states * len(x)
        elif (linear := model.linear_gaussian()) is not None:
            values, cost = _marginal(linear, x), 0
        else:
            raise OptionError(self.refusal(model))
        return Estimate(values, torch.zeros_like(values), "consistent", model_evaluations=cost)


def _marginal(linear: LinearGaussian, x: Tensor) -> Tensor:
    """log N(x; b, W W^T + s^2 I) for each row of x [N, D]: [N] nats, float64."""
    values = ppca.log_likelihood(x.detach().cpu(), linear.weights, linear.bias, linear.variance)
    return torch.as_tensor(values, device=x.device)
