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

# Prior draws proposed to a chain at each visit if it is visited only once per pass through the data.
ONLINE_CANDIDATES = 1000


@dataclass(frozen=True)
class MCEMHyperparameters(Hyperparameters):
    """Options of Monte Carlo EM."""

    batch_size: int | Literal["all"] = option(
        "all", "datapoints whose chains move in one step; in the paper, all of them", minimum=1
    )
    num_candidates: int | Literal["auto"] = option(
        "auto",
        "prior draws proposed to each chain before it moves; auto means 0 with batch_size=all, otherwise 1000",
        minimum=0,
    )
    num_leapfrog: int = option(10, "leapfrog steps per Hamiltonian transition", minimum=1)
    num_updates: int = option(5, "weight updates per sample of z", minimum=1)
    acceptance: float = option(
        0.9, "target acceptance probability to which the chains' step size is tuned", above=0, maximum=0.99
    )
    annealing: float = option(
        5e-3, "a in the step size learning_rate / (1 + a p) after p passes through the data", minimum=0
    )


class MCEM(Algorithm):
    """Monte Carlo EM: draws z from the posterior by Hamiltonian Monte Carlo, then updates the weights with it.

    Each datapoint has one persistent chain. In the paper, every step moves all chains, which its authors call too
    expensive for large N.

    Minibatches (``batch_size=100``) go beyond the paper: a step moves only the chains of its datapoints and updates the
    weights with them, as in stochastic approximation EM (Delyon, Lavielle & Moulines 1999; with Markov chains Kuhn &
    Lavielle 2004; with minibatches Kuhn, Matias & Rebafka 2020) and persistent contrastive divergence (Tieleman 2008).
    A chain is then visited only once per pass, while its posterior changes in between. At each visit it may therefore
    first jump to one of ``num_candidates`` prior draws, by a transition that leaves the posterior invariant
    (`bench.mcmc.posterior.offered_prior`).

    Source: Kingma & Welling 2014, appendix E.
    Cost of a step on M datapoints: M (2 + 2 leapfrog steps + 2 weight updates) model evaluations. K candidates, which
    all chains share, cost M + K more, plus a matrix product of [M, D] and [D, K] that is not counted.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = MCEM(latent_size=2, model="mlp[hidden=8]", learning_rate=0.02).fit(x, budget=200)
        >>> algorithm.chains.shape  # one chain per datapoint
        torch.Size([100, 2])
        >>> algorithm.model.encoder is None
        True
    """

    Options = MCEMHyperparameters
    hyperparameters: MCEMHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder, its optimiser, and one chain per datapoint, started from the prior."""
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
        """The number of prior draws proposed to a chain at each visit, with ``auto`` resolved."""
        num_candidates = self.hyperparameters.num_candidates
        if num_candidates == "auto":
            return 0 if self.batch_size is None else ONLINE_CANDIDATES
        return num_candidates

    def step(self, batch: Batch) -> StepInfo:
        """E step: move the minibatch's chains by one transition. M step: ascend log p(x, z) in theta at their new z."""
        settings = self.hyperparameters
        state, info = self.move_chains(batch)
        for _ in range(settings.num_updates):
            self.optimiser.zero_grad()
            self.model.log_joint_backward(batch.x, state.z)
            self.optimiser.step()
        candidate_cost = len(batch.x) + self.num_candidates if self.num_candidates else 0
        return StepInfo(
            objective=state.log_density.mean(),
            model_evaluations=2 * (1 + settings.num_leapfrog + settings.num_updates) * len(batch.x) + candidate_cost,
            diagnostics={"acceptance": info.acceptance.mean(), "divergences": info.divergent.sum()},
        )

    def move_chains(self, batch: Batch) -> tuple[hmc.State, hmc.Info]:
        """Move each chain of the minibatch by one Hamiltonian transition, and adapt their step size.

        The posterior changes as long as theta is learned, so adaptation continues throughout training.
        """
        z = self.chains[batch.index]
        with frozen(self.model):  # with dropout the density would change at each leapfrog step
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
