"""log p(x) of linear-Gaussian models in closed form."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.likelihood.estimator import Estimate, Estimator
from bench.models.decoder import GaussianDecoder
from bench.models.latent import LatentVariableModel
from bench.models.linear import AffineGaussian, AffineLocation
from bench.statistics import ppca


class Exact(Estimator):
    """The exact log p(x) of a linear-Gaussian model, probabilistic PCA: the truth that others are held against.

    ``x ~ N(b, W W^T + s^2 I)``: a Gaussian decoder of the `linear` model.  Cost: no model evaluation.
    Source: Tipping & Bishop 1999.
    """

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        decoder, standard = model.decoder, type(model).log_prior is LatentVariableModel.log_prior
        gaussian = isinstance(decoder, GaussianDecoder)
        if standard and gaussian and isinstance(decoder.network, (AffineGaussian, AffineLocation)):
            return ""
        return (
            "exact needs a linear-Gaussian model (--model linear with a Gaussian decoder), and this one is a "
            f"{type(decoder).__name__} of {type(decoder.network).__name__}: use quadrature for up to 3 latent "
            "dimensions, ais or importance for more."
        )

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        with torch.no_grad():
            origin = torch.zeros(1, model.latent_size, dtype=torch.float64)
            steps = torch.eye(model.latent_size, dtype=torch.float64)
            network = model.decoder.network
            bias, log_variance = network(origin.to(x))
            weights = (network(steps.to(x))[0] - bias).double().cpu()  # [d, D]
        variance = 1.0 if log_variance is None else float(log_variance.double().exp().flatten()[0])
        found = ppca.log_likelihood(x.detach().cpu(), weights.T, bias[0].double().cpu(), variance)
        values = torch.as_tensor(found, device=x.device)
        return Estimate(values, torch.zeros_like(values), "consistent", model_evaluations=0)
