"""Bidirectional Monte Carlo: log p(x) between a lower and an upper bound, on data drawn from the model itself."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from torch import Tensor

from bench.estimator import Estimate, Estimator
from bench.likelihood import steps
from bench.likelihood.bidirectional import Sandwich, sandwich, simulate
from bench.likelihood.bridge import BridgeOptions, estimate, start_refusal
from bench.likelihood.estimate import inflation
from bench.models.latent import LatentVariableModel
from bench.options import option


@dataclass(frozen=True)
class BDMCOptions(BridgeOptions):
    """Options of the `bdmc` estimator."""

    num_points: int = option(100, "datapoints drawn from the model", unit="datapoints", minimum=2)


class BDMC(Estimator):
    """Bidirectional Monte Carlo: on data drawn from the model, annealing bounds log p(x) from both sides.

    Forward chains give a lower bound; chains run backward from the z that each x was generated from, which is an exact
    posterior sample, give an upper bound.  Their gap bounds the error of both, and shows how far `ais` with the same
    options can be trusted on this model; datapoints with a wide gap are counted in a warning.  The result does not
    depend on x, since the data are drawn from the model.  With ``num_steps=auto``, the number of steps is doubled from
    50 until the mean gap is within ``tolerance`` and no datapoint has a wide gap.  With an encoder, the summary
    includes ``eubo``, an upper bound on log p(x) computed from exact posterior samples alone, and ``forward_kl``,
    KL(p(z|x) || q(z|x)), which is its distance from the midpoint of the two bounds.  Cost: twice that of `ais`; with
    auto, the total over all numbers of steps tried.
    Source: Grosse et al. 2015; Wu et al. 2017, section 3.2.

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
        drawn = simulate(model, self.options.num_points, generator)
        if isinstance(self.options.num_steps, int):
            sandwiched = sandwich(self.options, self.options.num_steps, model, drawn, generator)
            result = _with_divergence(_estimate(sandwiched), model, drawn)
            return replace(result, warnings=(*result.warnings, *sandwiched.warnings("Raise num_steps.")))
        spent = 0
        for num_steps in steps.candidates(self.options):
            sandwiched = sandwich(self.options, num_steps, model, drawn, generator)
            spent += sandwiched.model_evaluations
            if enough := steps.is_enough(self.options, sandwiched):
                break
        result = _with_divergence(_estimate(sandwiched), model, drawn)
        return replace(
            result,
            model_evaluations=spent + result.model_evaluations - sandwiched.model_evaluations,
            summary={**result.summary, "num_steps": float(num_steps)},
            warnings=(*result.warnings, *steps.warnings(self.options, num_steps, sandwiched, enough)),
        )


def _estimate(sandwiched: Sandwich) -> Estimate:
    """Add upper bounds and gaps to the lower bounds; ``gap_se`` is the standard error of the mean over datapoints."""
    lower = estimate(sandwiched.lower, sandwiched.runs, sandwiched.model_evaluations)
    upper, gap = -sandwiched.upper.log_mean, sandwiched.gap
    both = torch.isfinite(gap)
    summary = {
        "upper": float(upper[both].mean()),
        "upper_se": sandwiched.upper_error(),
        "gap": sandwiched.mean_gap,
        "gap_se": float(gap[both].std()) / math.sqrt(max(1, int(both.sum()))),
    }
    bounds = {
        "upper": upper,
        "upper_standard_error": sandwiched.upper.standard_error * inflation(sandwiched.upper.degrees),
        "gap": gap,
    }
    return replace(
        lower,
        diagnostics={**lower.diagnostics, **bounds},
        summary={**summary, **lower.summary},
    )


@torch.no_grad()
def _with_divergence(result: Estimate, model: LatentVariableModel, drawn: tuple[Tensor, Tensor]) -> Estimate:
    """Add E[log p(x, z) - log q(z|x)] at the exact z, and its distance from log p(x); unchanged without an encoder."""
    if model.encoder is None:
        return result
    z, x = drawn
    terms = (model.log_joint(x, z) - model.encode(x).log_prob(z)).double()  # [N]
    divergence = terms - 0.5 * (result.log_likelihoods + result.diagnostics["upper"])
    both = torch.isfinite(divergence)
    count = max(1, int(both.sum()))
    summary = {
        "eubo": float(terms[both].mean()),
        "forward_kl": float(divergence[both].mean()),
        "forward_kl_se": float(divergence[both].std()) / math.sqrt(count),
    }
    return replace(
        result,
        model_evaluations=result.model_evaluations + len(x),
        summary={**result.summary, **summary},
    )
