"""Monte Carlo EM with Hamiltonian Monte Carlo: no encoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.mcmc import hmc
from bench.mcmc.adaptation import DualAveraging
from bench.mcmc.posterior import LogPosterior, offered_prior
from bench.models.frozen import frozen

# Prior draws that a chain is offered at each visit where it is visited once a pass.
ONLINE_CANDIDATES = 1000


@dataclass(frozen=True)
class MCEMHyperparameters(Hyperparameters):
    """What can be set of Monte Carlo EM."""

    batch_size: int | Literal["all"] = option(
        "all", "datapoints whose chains move in one step; the paper's algorithm moves all of them", minimum=1
    )
    num_candidates: int | Literal["auto"] = option(
        "auto",
        "prior draws that each chain is offered before it moves; auto is 0 with batch_size=all, else 1000",
        minimum=0,
    )
    num_leapfrog: int = option(10, "leapfrog steps of a Hamiltonian transition", minimum=1)
    num_updates: int = option(5, "weight updates with each sample of z", minimum=1)
    acceptance: float = option(
        0.9, "acceptance probability that the step size of the chains is tuned to", above=0, maximum=0.99
    )
    annealing: float = option(
        5e-3, "a in the step size after p passes through the data: learning_rate / (1 + a p)", minimum=0
    )


class MCEM(Algorithm):
    """Monte Carlo EM: z from the posterior by Hamiltonian Monte Carlo, then weight updates with that sample.

    Each datapoint has one persistent chain.  Source: Kingma & Welling 2014, appendix E.  There every step moves all
    chains, which the authors call too expensive for large N.

    Minibatches (``batch_size=100``) go beyond the paper: a step moves the chains of its datapoints alone and updates
    the weights with them, as stochastic approximation EM (Delyon, Lavielle & Moulines 1999; with Markov chains Kuhn &
    Lavielle 2004, with minibatches Kuhn, Matias & Rebafka 2020) and persistent contrastive divergence (Tieleman 2008)
    do.  A chain is then visited once a pass, while the posterior moves on without it; so at each visit it is first
    offered ``num_candidates`` prior draws in exchange for its place, by a transition that leaves the posterior as it
    is (`bench.mcmc.posterior.offered_prior`).

    Cost of a step on M datapoints: M (2 + 2 leapfrogs + 2 weight updates) model evaluations; with K candidates M + K
    more, as all chains are offered the same, and a product of [M, D] with [D, K] that no evaluation counts.
    """

    Options = MCEMHyperparameters
    hyperparameters: MCEMHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Decoder, its optimiser, and one chain for each datapoint, started from the prior."""
        settings = self.hyperparameters
        steps_per_pass = problem.num_data / min(self.batch_size or problem.num_data, problem.num_data)
        self.generator = generator
        self.model = problem.model(encoder=False)
        self.optimiser = self.make_optimiser(
            self.model.parameters(), problem, annealing=settings.annealing / (settings.num_updates * steps_per_pass)
        )
        self.chains = self.model.sample_prior(problem.num_data, generator)  # [N, d]
        self.step_size = DualAveraging(
            torch.full((), 0.1, device=problem.x.device), target=settings.acceptance, horizon=200
        )

    @property
    def num_candidates(self) -> int:
        """Prior draws that a chain is offered at each visit, once ``auto`` is settled."""
        asked = self.hyperparameters.num_candidates
        if asked == "auto":
            return 0 if self.batch_size is None else ONLINE_CANDIDATES
        return asked

    def step(self, batch: Batch) -> StepInfo:
        """E: move the batch's chains by one transition.  M: ascend log p(x, z) in theta at their new places."""
        settings = self.hyperparameters
        state, info = self.move_chains(batch)
        for _ in range(settings.num_updates):
            self.optimiser.zero_grad()
            (-self.model.log_joint(batch.x, state.z).mean()).backward()
            self.optimiser.step()
        offering = len(batch.x) + self.num_candidates if self.num_candidates else 0
        return StepInfo(
            objective=state.log_density.mean(),
            model_evaluations=2 * (1 + settings.num_leapfrog + settings.num_updates) * len(batch.x) + offering,
            diagnostics={"acceptance": info.acceptance.mean(), "divergences": info.divergent.sum()},
        )

    def move_chains(self, batch: Batch) -> tuple[hmc.State, hmc.Info]:
        """One Hamiltonian transition of each chain of the batch, and a little adaptation of their step size.

        The posterior moves while theta is learned, so the step size is adapted for as long as training lasts.
        """
        z = self.chains[batch.index]
        with frozen(self.model):  # a density with dropout would be another one at each leapfrog step
            if self.num_candidates:
                z = offered_prior(self.model, batch.x, z, self.generator, self.num_candidates)
            log_density = LogPosterior(self.model, batch.x)
            start = hmc.init(log_density, z)
            state, info = hmc.step(
                log_density, start, self.step_size.step_size, self.hyperparameters.num_leapfrog, self.generator
            )
        self.step_size.update(info.acceptance.mean())
        self.chains[batch.index] = state.z
        return state, info
