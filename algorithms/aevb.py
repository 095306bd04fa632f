"""Auto-Encoding Variational Bayes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.optimisation import make_optimiser


@dataclass(frozen=True)
class AEVBHyperparameters(Hyperparameters):
    """What can be set of AEVB."""

    num_samples: int = option(1, "draws of z for each datapoint (L)", minimum=1)
    estimator: Literal["A", "B"] = option("B", "SGVB estimator: A samples the KL divergence, B has it in closed form")


class AEVB(Algorithm):
    """Auto-encoding variational Bayes: ascends the lower bound through reparameterised draws.

    Source: Kingma & Welling 2014, algorithm 1, equations 6 (estimator A) and 7 (estimator B).
    Cost of a step: 2 L M model evaluations.
    """

    Options = AEVBHyperparameters
    hyperparameters: AEVBHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Decoder, encoder and one optimiser for both."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = make_optimiser(
            self.hyperparameters.optimiser,
            self.model.parameters(),
            self.learning_rate,
            num_data=problem.num_data,
            prior=self.hyperparameters.prior,
        )

    def step(self, batch: Batch) -> StepInfo:
        """One ascent of the bound in theta and phi together."""
        bound = self.bound(batch).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), model_evaluations=2 * self.hyperparameters.num_samples * len(batch.x))

    def bound(self, batch: Batch) -> torch.Tensor:
        """The stochastic lower bound for each datapoint of the batch: [M] nats."""
        num_samples = self.hyperparameters.num_samples
        if self.hyperparameters.estimator == "B":
            return self.model.elbo(batch.x, self.generator, num_samples)
        posterior = self.model.encode(batch.x)
        z = posterior.rsample(self.generator, num_samples)  # [L, M, d]
        return (self.model.log_joint(batch.x, z) - posterior.log_prob(z)).mean(0)
