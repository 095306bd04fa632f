"""Bidirectional Monte Carlo: log p(x) between a lower and an upper bound, on data drawn from the model itself."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from bench.estimator import Estimator
from bench.likelihood.blocks import blocks
from bench.likelihood.bridge import AISOptions, Bridge, estimate
from bench.likelihood.estimate import Estimate
from bench.likelihood.weights import Weighed
from bench.mcmc import hmc
from bench.models.latent import LatentVariableModel
from bench.options import option

# Transitions by which the chains of a datapoint part from the one exact draw of its posterior.  They keep the posterior
# as it is, so that every chain still begins at an exact draw.
NUM_PARTING = 10


@dataclass(frozen=True)
class BDMCOptions(AISOptions):
    """What can be set of the `bdmc` estimator."""

    num_points: int = option(100, "datapoints drawn from the model", unit="datapoints", minimum=2)


class BDMC(Estimator):
    """Bidirectional Monte Carlo: on data drawn from the model, annealing bounds log p(x) from both sides.

    Forward chains give a lower bound; chains run back from the z that each x was drawn with, an exact draw of its
    posterior, give an upper bound.  Their gap bounds the error of both, and tells how far `ais` with the same options
    is to be trusted on this model.  It says nothing of x: the data are the model's own.
    Cost: twice that of `ais`.  Source: Grosse et al. 2015; Wu et al. 2017, section 3.2.
    """

    Options = BDMCOptions
    options: BDMCOptions
    simulates: ClassVar[bool] = True

    def refusal(self, model: LatentVariableModel) -> str:
        """See `Estimator.refusal`."""
        if self.options.start == "encoder" and model.encoder is None:
            return "`start` of bdmc cannot be 'encoder' for a model that has none: use fitted, the default, or prior."
        return super().refusal(model)

    def log_likelihood(self, model: LatentVariableModel, x: Tensor, generator: torch.Generator) -> Estimate:
        """See `Estimator.log_likelihood`; of x only the number of pixels, the dtype and the device are used."""
        truth, simulated = simulate(model, self.options.num_points, generator)
        parts = blocks(simulated, self.options.num_chains)
        lower, upper, runs, cost = [], [], [], 0
        for block, z in zip(parts, truth.split(len(parts[0])), strict=True):
            bridge = Bridge(self.options, model, block, generator)
            weighed, run = bridge.forward()
            lower.append(weighed)
            runs.append(run)
            upper.append(bridge.reverse(self._parted(bridge, z))[0])
            cost += bridge.model_evaluations
        found = estimate(Weighed.cat(lower), tuple(runs), cost)
        above = Weighed.cat(upper)
        return _with_upper(found, -above.log_mean, above.standard_error)

    def _parted(self, bridge: Bridge, z: Tensor) -> Tensor:
        """C exact draws of each posterior [C, N, d] from one [N, d]."""
        num_chains, num_leapfrog = self.options.num_chains, self.options.num_leapfrog
        state = hmc.init(bridge.path.log_joint, z.expand(num_chains, *z.shape).contiguous())
        step_size = bridge.step_sizes[-1].expand(state.log_density.shape)
        for _ in range(NUM_PARTING):
            varied = hmc.jittered(step_size, 0.5, bridge.generator)
            state, _ = hmc.step(bridge.path.log_joint, state, varied, num_leapfrog, bridge.generator)
        bridge.model_evaluations += (2 + 2 * num_leapfrog * NUM_PARTING) * num_chains * len(z)
        return state.z


def simulate(model: LatentVariableModel, num_points: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Draws (z, x) ~ p(z) p(x|z), [num_points, d] and [num_points, D]: z is an exact draw of the posterior of its x.

    x is NaN where the decoder gives no number for z.  Raises ValueError where it does for none.
    """
    with torch.no_grad():
        z = model.sample_prior(num_points, generator)
        sound = torch.isfinite(model.decoder.mean(z)).all(-1)
        if not sound.any():
            raise ValueError("the model's decoder gives no finite E[x|z] for any draw of its prior.")
        x = model.decoder.sample(torch.where(sound.unsqueeze(-1), z, z[sound][:1]), generator)
        return z, torch.where(sound.unsqueeze(-1), x, torch.nan)


def _with_upper(lower: Estimate, upper: Tensor, standard_errors: Tensor) -> Estimate:
    """The lower bounds, with the upper bounds [N] and the gaps.

    The upper mean's error is Monte Carlo error, of the reverse chains; the gap's is of the mean over datapoints.
    """
    gap = upper - lower.log_likelihoods
    both = torch.isfinite(gap)
    count = max(1, int(both.sum()))
    told = {
        "upper": float(upper[both].mean()),
        "upper_se": float(standard_errors[both].square().sum().sqrt()) / count,
        "gap": float(gap[both].mean()),
        "gap_se": float(gap[both].std()) / math.sqrt(count),
    }
    return Estimate(
        log_likelihoods=lower.log_likelihoods,
        standard_errors=lower.standard_errors,
        bias="lower",
        model_evaluations=lower.model_evaluations,
        diagnostics={**lower.diagnostics, "upper": upper, "upper_standard_error": standard_errors, "gap": gap},
        summary={**told, **lower.summary},
        warnings=lower.warnings,
    )
