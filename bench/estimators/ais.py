"""Annealed importance sampling of log p(x)."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from bench.estimator import Estimate, Estimator
from bench.likelihood import bidirectional, steps
from bench.likelihood.blocks import blocks
from bench.likelihood.bridge import Bridge, BridgeOptions, estimate, start_refusal
from bench.likelihood.weights import Weighed
from bench.models.latent import LatentVariableModel


class AIS(Estimator):
    """Annealed importance sampling with Hamiltonian moves, which take chains stepwise to the posterior; a lower bound.

    The step sizes of the moves come from a pilot run for each datapoint and are then frozen; otherwise the result would
    not be a bound.  Divergent transitions are rejected and counted; they make the bound looser but do not invalidate
    it.  Raising ``num_steps`` tightens the bound further even if more samples no longer help plain importance sampling.
    With ``num_steps=auto``, the number of steps is doubled from 50 until bidirectional Monte Carlo (`bdmc`) on 20
    datapoints drawn from the model has a mean gap within ``tolerance``, no single datapoint has bounds that may be
    farther apart than both 0.3 nats and 3 standard errors, and the looseness expected on x is within the tolerance too;
    if ``most_steps`` is not enough for that, a warning is issued.  A tolerance above 0.3 allows single gaps of up to
    that size, and a warning lists them.  If the chains start from the prior, as in most of the literature, ten times as
    many steps are needed; a rate-distortion curve is obtained along the way, and is kept.  Standard errors are computed
    with the jackknife over chains.  Most chains start from a mixture of Gaussians that are fitted like those of
    `importance` but are slightly wider, and a few start from the prior: chains do not move between modes that are far
    apart, so each mode needs chains that start there.  Narrow modes can be missed, especially in many dimensions.
    Cost: ``2 * num_chains * num_leapfrog * (num_steps + max(50, num_steps / 4) + 10)`` model evaluations per datapoint,
    plus, with ``start=fitted``, the fit of `importance`: 802 for each of its components, but 3208 for the first in more
    than 10 dimensions, and the draws of its searches (26,400 or 28,800 in total by default, with an encoder and one
    component; without an encoder, 100 more per chain of that fit); with auto, the cost of the checks is added.
    Source: Neal 2001; Wu et al. 2017, section 4.

    >>> AIS(num_steps=1000, start="prior").options.num_chains
    16
    """

    Options = BridgeOptions
    options: BridgeOptions

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        return start_refusal("ais", self.options, model) or super().refusal(model)

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`."""
        if isinstance(self.options.num_steps, int):
            return self._run(self.options.num_steps, model, x, generator)
        drawn = bidirectional.simulate(model, steps.CHECK_POINTS, generator)
        spent, tried = 0, list(steps.candidates(self.options))
        for num_steps in tried:
            check = bidirectional.sandwich(self.options, num_steps, model, drawn, generator)
            spent += check.model_evaluations
            enough, last = steps.is_enough(self.options, check), num_steps == tried[-1]
            if enough or last:
                result = self._run(num_steps, model, x, generator)
                spent += result.model_evaluations
                enough = enough and result.summary["looseness"] <= self.options.tolerance
                if enough or last:
                    break
        return replace(
            result,
            model_evaluations=spent,
            summary={**result.summary, "num_steps": float(num_steps), "simulated_gap": check.mean_gap},
            warnings=(*result.warnings, *steps.warnings(self.options, num_steps, check, enough)),
        )

    def _run(self, num_steps: int, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        parts = blocks(x, self.options.num_chains)
        runs = [Bridge(self.options, num_steps, model, part, generator) for part in parts]
        weighed, annealed = zip(*(run.forward() for run in runs), strict=True)
        return estimate(Weighed.cat(weighed), annealed, sum(run.model_evaluations for run in runs))
