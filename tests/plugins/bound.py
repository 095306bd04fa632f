"""A user's own estimator that does not refuse what it cannot judge, but fails on it."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.estimator import Estimator
from bench.likelihood.estimate import Estimate
from bench.models.latent import LatentVariableModel


class Bound(Estimator):
    """The lower bound of one draw, of models that have an encoder."""

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """Raises ValueError without an encoder."""
        with torch.no_grad():
            values = model.elbo(x, generator)
        return Estimate(values, torch.ones_like(values), "lower", model_evaluations=len(x))
