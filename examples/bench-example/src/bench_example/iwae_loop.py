"""The importance-weighted auto-encoder, with a loop over samples."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option


@dataclass(frozen=True)
class LoopedIWAEOptions(Hyperparameters):
    """Options of the importance-weighted auto-encoder."""

    num_samples: int = option(5, "importance samples per datapoint (K)", unit="samples", minimum=1)


class LoopedIWAE(Algorithm):
    """Importance-weighted auto-encoder: maximises log of the mean of K importance weights.

    Source: Burda, Grosse & Salakhutdinov 2016, equation 8.
    Cost of a step: 2 K M model evaluations.
    """

    Options = LoopedIWAEOptions

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the model and one optimiser for all its weights."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch: Batch) -> StepInfo:
        """Ascend log mean_k w_k for the datapoints batch.x [M, D]."""
        num_samples = self.options.num_samples
        posterior = self.model.encode(batch.x)
        log_weights = []
        for _ in range(num_samples):
            z = posterior.rsample(self.generator)  # [M, d]
            log_weights.append(self.model.log_joint(batch.x, z) - posterior.log_prob(z))  # [M] nats
        bound = (torch.logsumexp(torch.stack(log_weights), 0) - math.log(num_samples)).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), model_evaluations=2 * num_samples * len(batch.x))
