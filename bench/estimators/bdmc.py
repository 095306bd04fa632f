"""Bidirectional Monte Carlo: log p(x) between a lower and an upper bound, on data drawn from the model itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.estimator import Estimate, Estimator
from bench.likelihood.blocks import blocks
from bench.likelihood.bridge import Bridge, BridgeOptions, estimate, start_refusal
from bench.likelihood.weights import Weighed
from bench.mcmc import hmc
from bench.models.latent import LatentVariableModel
from bench.options import option

# Transitions by which the chains of a datapoint separate from the one exact draw of its posterior.  They leave the
# posterior invariant, so that every chain still begins at an exact draw.
NUM_SEPARATING = 20


@dataclass(frozen=True)
class BDMCOptions(BridgeOptions):
    """Options of the `bdmc` estimator."""

    num_points: int = option(100, "datapoints drawn from the model", unit="datapoints", minimum=2)


class BDMC(Estimator):
    """Bidirectional Monte Carlo: on data drawn from the model, annealing bounds log p(x) from both sides.

    Forward chains give a lower bound; chains run back from the z that each x was drawn with, an exact draw of its
    posterior, give an upper bound.  Their gap bounds the error of both, and shows how far `ais` with the same options
    can be trusted on this model.  It says nothing about x, since the data are drawn from the model.
    Cost: twice that of `ais`.  Source: Grosse et al. 2015; Wu et al. 2017, section 3.2.

    >>> BDMC(num_points=20).options.num_points
    20
    """

    Options = BDMCOptions
    options: BDMCOptions
    simulates: ClassVar[bool] = True

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        return start_refusal("bdmc", self.options, model) or super().refusal(model)

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`; x is not used: the data are drawn from the model."""
        truth, simulated = simulate(model, self.options.num_points, generator)
        parts = blocks(simulated, self.options.num_chains)
        lower, upper, runs, cost = [], [], [], 0
        for block, z in zip(parts, truth.split(len(parts[0])), strict=True):
            bridge = Bridge(self.options, model, block, generator)
            weighed, run = bridge.forward()
            lower.append(weighed)
            runs.append(run)
            upper.append(bridge.reverse(self._separated(bridge, z))[0])
            cost += bridge.model_evaluations
        above = Weighed.cat(upper)
        result = estimate(Weighed.cat(lower), tuple(runs), cost)
        return _with_upper(result, -above.log_mean, above.standard_error)

    def _separated(self, bridge: Bridge, z: Tensor) -> Tensor:
        """C exact draws from each posterior [C, N, d], given one [N, d]."""
        num_chains, num_leapfrog = self.options.num_chains, self.options.num_leapfrog
        state = hmc.init(bridge.path.log_joint, z.expand(num_chains, *z.shape).contiguous())
        step_size = bridge.step_sizes[-1].expand(state.log_density.shape)
        for _ in range(NUM_SEPARATING):
            varied = hmc.jittered(step_size, 0.5, bridge.generator)
            state, _ = hmc.step(bridge.path.log_joint, state, varied, num_leapfrog, bridge.generator)
        bridge.model_evaluations += (2 + 2 * num_leapfrog * NUM_SEPARATING) * num_chains * len(z)
        return state.z


def simulate(model: LatentVariableModel, num_points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws (z, x) ~ p(z) p(x|z), [num_points, d] and [num_points, D]: z is an exact draw of the posterior of its x.

    x is NaN if the decoder outputs no finite number for z.  Raises ValueError if it does for none.
    """
    with torch.no_grad():
        z = model.sample_prior(num_points, generator)
        sound = torch.isfinite(model.decoder.mean(z)).all(-1)
        if not sound.any():
            raise ValueError("the model's decoder gives no finite E[x|z] for any draw from its prior.")
        x = model.decoder.sample(torch.where(sound.unsqueeze(-1), z, z[sound][:1]), generator)
        return z, torch.where(sound.unsqueeze(-1), x, torch.nan)


def error_of_upper(gap: Tensor, lower_errors: Tensor, upper_errors: Tensor) -> float:
    """The standard error of the mean upper bound, from the gaps and the errors of both bounds, each [N] and finite.

    The chains of a datapoint begin at one exact draw, so that the spread of their weights shows only part of the error.
    All of it is in the spread of the gap over datapoints, together with the error of the lower bound.
    """
    count = len(gap)
    own, of_lower = (float(errors.square().sum()) / count**2 for errors in (upper_errors, lower_errors))
    of_gap = float(gap.var()) / count if count > 1 else 0.0
    return math.hypot(math.sqrt(max(own, of_gap - of_lower)), 0.5 * own * count)


def _with_upper(lower: Estimate, upper: Tensor, standard_errors: Tensor) -> Estimate:
    """The lower bounds, with the upper bounds [N] and the gaps; ``gap_se`` is the error of a mean over datapoints."""
    gap = upper - lower.log_likelihoods
    both = torch.isfinite(gap)
    summary = {
        "upper": float(upper[both].mean()),
        "upper_se": error_of_upper(gap[both], lower.standard_errors[both], standard_errors[both]),
        "gap": float(gap[both].mean()),
        "gap_se": float(gap[both].std()) / math.sqrt(max(1, int(both.sum()))),
    }
    return Estimate(
        log_likelihoods=lower.log_likelihoods,
        standard_errors=lower.standard_errors,
        bias="lower",
        model_evaluations=lower.model_evaluations,
        diagnostics={**lower.diagnostics, "upper": upper, "upper_standard_error": standard_errors, "gap": gap},
        summary={**summary, **lower.summary},
        warnings=lower.warnings,
    )
