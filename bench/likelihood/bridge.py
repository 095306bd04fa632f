"""Annealed chains between a starting distribution and the posterior, and the estimate from their weights."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.likelihood.estimate import Estimate, inflation
from bench.likelihood.fit import LARGE_WEIGHTS, fit_mixture
from bench.likelihood.proposal import EncoderProposal, PriorProposal, Proposal, StratifiedMixture
from bench.likelihood.rate_distortion import curve, passages
from bench.likelihood.weights import Weighed, weighed_chains
from bench.mcmc.annealing import Annealed, Path, anneal, pilot, sigmoidal_schedule
from bench.mcmc.density import Differentiated
from bench.mcmc.posterior import LogPosterior
from bench.models.latent import LatentVariableModel
from bench.options import option

# Chains with a lower acceptance probability have hardly moved.
LOW_ACCEPTANCE = 0.1

# The thresholds of `fit_mixture`, preceded by a lower one: only two of 16 chains begin at prior draws and contribute
# little, so that, unlike with `importance`, a wide mode next to a narrow one also needs its own component.
START_WEIGHTS = (8.0, *LARGE_WEIGHTS)


@dataclass(frozen=True)
class BridgeOptions:
    """Options of annealed chains."""

    num_steps: int | Literal["auto"] = option(
        100, "distributions from the start to the posterior (T); auto doubles them as needed", unit="steps", minimum=3
    )
    num_chains: int = option(16, "chains per datapoint, whose weights are averaged", unit="chains", minimum=2)
    num_leapfrog: int = option(5, "leapfrog steps of the move at each distribution", unit="steps", minimum=1)
    start: Literal["fitted", "encoder", "prior"] = option(
        "fitted", "where chains begin: Gaussians fitted to Hamiltonian Monte Carlo, the encoder, or the prior"
    )
    tolerance: float = option(
        0.1,
        "with num_steps=auto: the largest mean gap between both bounds on simulated data",
        unit="nats",
        above=0,
    )
    most_steps: int = option(3200, "with num_steps=auto: the largest number of steps to try", unit="steps", minimum=3)


def start_refusal(estimator: str, options: BridgeOptions, model: LatentVariableModel) -> str:
    """Why the chains of an ``estimator`` cannot start as its options specify for this model; empty if they can."""
    if options.start == "encoder" and model.encoder is None:
        return (
            f"`start` of {estimator} cannot be 'encoder' for a model without an encoder: use fitted, the default, or "
            "prior."
        )
    return ""


class Bridge:
    """Chains between a starting distribution and the posterior of each row of one block x [N, D]."""

    def __init__(
        self,
        options: BridgeOptions,
        num_steps: int,
        model: LatentVariableModel,
        x: Tensor,
        generator: torch.Generator,
    ) -> None:
        """Fits the starting distribution, and tunes the step sizes for ``num_steps`` in a pilot run."""
        self.options = options
        self.model = model
        self.x = x
        self.generator = generator
        self.model_evaluations = 0
        self.start = self._start()
        self.path = Path(Differentiated(self.start.log_prob), LogPosterior(model, x))
        self.schedule = sigmoidal_schedule(num_steps)
        self.step_sizes, cost = pilot(self.path, self._draw(), num_steps, options.num_leapfrog, generator)
        self.model_evaluations += cost * options.num_chains * len(x)

    def forward(self) -> tuple[Weighed, Annealed]:
        """Anneal from draws of the starting distribution to the posterior: a lower bound on log p(x)."""
        kept = passages(len(self.schedule) - 1) if isinstance(self.start, PriorProposal) else ()
        run = self._run(self._draw(), self.schedule, self.step_sizes, kept)
        if isinstance(self.start, StratifiedMixture):
            log_weights = run.log_weights + self.start.log_factors(run.log_weights)
            return weighed_chains(log_weights, self.start.num_prior), run
        return weighed_chains(run.log_weights), run

    def reverse(self, z: Tensor) -> tuple[Weighed, Annealed]:
        """Anneal back from exact posterior draws z [C, N, d]: ``log_mean``, of reciprocal weights, is -log p(x)."""
        run = self._run(z, self.schedule[::-1], self.step_sizes.flip(0))
        return weighed_chains(-run.log_weights), run

    def _run(self, z: Tensor, schedule: list[float], step_sizes: Tensor, kept: Collection[int] = ()) -> Annealed:
        run = anneal(self.path, z, schedule, self.options.num_leapfrog, self.generator, step_sizes, kept)
        self.model_evaluations += (2 + 2 * self.options.num_leapfrog * (len(schedule) - 2)) * z.shape[0] * z.shape[1]
        return run

    def _draw(self) -> Tensor:
        with torch.no_grad():
            return self.start.sample(self.options.num_chains, self.generator)

    def _start(self) -> Proposal:
        if self.options.start == "prior":
            return PriorProposal(self.model, len(self.x))
        if self.options.start == "encoder":
            with torch.no_grad():
                return EncoderProposal(self.model.encode(self.x))
        mixture, cost = fit_mixture(self.model, self.x, self.generator, START_WEIGHTS)
        self.model_evaluations += cost
        return StratifiedMixture(mixture, self.options.num_chains)


def estimate(weighed: Weighed, runs: tuple[Annealed, ...], model_evaluations: int) -> Estimate:
    """The estimate from the weights of all blocks, with diagnostics of their chains."""
    acceptance = torch.cat([run.acceptance for run in runs])
    divergences = torch.cat([run.divergences for run in runs])
    return Estimate(
        log_likelihoods=weighed.log_mean,
        standard_errors=weighed.standard_error * inflation(weighed.degrees),
        degrees=weighed.degrees,
        bias="lower",
        model_evaluations=model_evaluations,
        diagnostics={
            "effective_sample_size": weighed.effective,
            "acceptance": acceptance,
            "divergences": divergences,
        },
        curve=curve(runs),
        summary={**weighed.summary(), "acceptance": float(acceptance.mean()), "divergences": float(divergences.sum())},
        warnings=(*weighed.warnings("Raise num_steps."), *stuck_warnings(acceptance)),
    )


def stuck_warnings(acceptance: Tensor) -> tuple[str, ...]:
    """The warning about chains that hardly moved, from the mean acceptance probability per datapoint [N]."""
    stuck = int((acceptance < LOW_ACCEPTANCE).sum())
    if not stuck:
        return ()
    warning = (
        f"{stuck} of {len(acceptance)} datapoints had fewer than {LOW_ACCEPTANCE:.0%} of their transitions accepted: "
        "trust neither their estimates nor their standard errors."
    )
    return (warning,)
