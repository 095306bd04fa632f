"""Monte Carlo EM with Hamiltonian Monte Carlo: no encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.likelihood.estimator import frozen
from bench.mcmc import hmc
from bench.mcmc.adaptation import DualAveraging
from bench.mcmc.posterior import LogPosterior
from bench.optimisation import make_optimiser


@dataclass(frozen=True)
class MCEMHyperparameters(Hyperparameters):
    """What can be set of Monte Carlo EM."""

    batch_size: int | Literal["all"] = option(
        "all", "datapoints whose chains move in one step; the paper's algorithm moves all of them", minimum=1
    )
    num_leapfrog: int = option(10, "leapfrog steps of a Hamiltonian transition", minimum=1)
    num_updates: int = option(5, "weight updates with each sample of z", minimum=1)
    acceptance: float = option(
        0.9, "acceptance probability that the step size of the chains is tuned to", above=0, maximum=0.99
    )
    annealing: float = option(1e-3, "a in the step size of weight update t: learning_rate / (1 + a t)", minimum=0)


class MCEM(Algorithm):
    """Monte Carlo EM: z from the posterior by Hamiltonian Monte Carlo, then weight updates with that sample.

    Each datapoint has one persistent chain.  Source: Kingma & Welling 2014, appendix E.
    Cost of a step on M datapoints: M (2 + 2 leapfrogs + 2 weight updates) model evaluations.
    """

    Options = MCEMHyperparameters
    hyperparameters: MCEMHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Decoder, its optimiser, and one chain for each datapoint, started from the prior."""
        settings = self.hyperparameters
        self.generator = generator
        self.model = problem.model(encoder=False)
        self.optimiser = make_optimiser(
            settings.optimiser,
            self.model.parameters(),
            self.learning_rate,
            num_data=problem.num_data,
            prior=settings.prior,
            annealing=settings.annealing,
        )
        self.chains = self.model.sample_prior(problem.num_data, generator)  # [N, d]
        self.step_size = DualAveraging(
            torch.full((), 0.1, device=problem.x.device), target=settings.acceptance, horizon=200
        )

    def step(self, batch: Batch) -> StepInfo:
        """E: move the batch's chains by one transition.  M: ascend log p(x, z) in theta at their new places."""
        settings = self.hyperparameters
        state, info = self.move_chains(batch)
        for _ in range(settings.num_updates):
            self.optimiser.zero_grad()
            (-self.model.log_joint(batch.x, state.z).mean()).backward()
            self.optimiser.step()
        return StepInfo(
            objective=state.log_density.mean(),
            model_evaluations=2 * (1 + settings.num_leapfrog + settings.num_updates) * len(batch.x),
            diagnostics={"acceptance": info.acceptance.mean(), "divergences": info.divergent.sum()},
        )

    def move_chains(self, batch: Batch) -> tuple[hmc.State, hmc.Info]:
        """One Hamiltonian transition of each chain of the batch, and a little adaptation of their step size.

        The posterior moves while theta is learned, so the step size is adapted for as long as training lasts.
        """
        log_density = LogPosterior(self.model, batch.x)
        with frozen(self.model):  # a density with dropout would be another one at each leapfrog step
            start = hmc.init(log_density, self.chains[batch.index])
            state, info = hmc.step(
                log_density, start, self.step_size.step_size, self.hyperparameters.num_leapfrog, self.generator
            )
        self.step_size.update(info.acceptance.mean())
        self.chains[batch.index] = state.z
        return state, info
