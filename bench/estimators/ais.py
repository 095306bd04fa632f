"""Annealed importance sampling of log p(x)."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.estimator import Estimate, Estimator
from bench.likelihood.blocks import blocks
from bench.likelihood.bridge import Bridge, BridgeOptions, estimate, start_refusal
from bench.likelihood.weights import Weighed
from bench.models.latent import LatentVariableModel


class AIS(Estimator):
    """Annealed importance sampling: Hamiltonian moves carry draws step by step to the posterior; a lower bound.

    The step sizes of the moves come from a pilot run for each datapoint and are then frozen; otherwise the result would
    not be a bound.  Transitions of divergent energy are rejected and counted; they make the bound looser, not wrong.
    Raising ``num_steps`` keeps tightening it when more samples of plain importance sampling no longer help.  Started
    from the prior, as in most of the literature, it needs ten times as many steps.
    Cost: about ``2.4 * num_chains * num_leapfrog * num_steps`` model evaluations per datapoint, 25,000 by default.
    Source: Neal 2001; Wu et al. 2017, section 4.

    >>> AIS(num_steps=1000, start="prior").options.num_chains
    8
    """

    Options = BridgeOptions
    options: BridgeOptions

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        return start_refusal("ais", self.options, model) or super().refusal(model)

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        runs = [Bridge(self.options, model, block, generator) for block in blocks(x, self.options.num_chains)]
        weighed, annealed = zip(*(run.forward() for run in runs), strict=True)
        return estimate(Weighed.cat(weighed), annealed, sum(run.model_evaluations for run in runs))
