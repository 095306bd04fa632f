"""A user's own algorithm in one file: the importance-weighted auto-encoder, with Adam."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from bench import Algorithm, Batch, Problem, StepInfo, option


@dataclass(frozen=True)
class Hyperparameters:
    """Options."""

    rate: float = option(1e-2, "Adam's step size", above=0)
    num_samples: int = option(5, "importance samples", minimum=1)


class ImportanceWeighted(Algorithm):
    """Importance-weighted auto-encoder (a user's own file).

    Source: Burda et al. 2016.
    """

    Options = Hyperparameters
    hyperparameters: Hyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Model and Adam."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=self.hyperparameters.rate)

    def step(self, batch: Batch) -> StepInfo:
        """Ascend log mean_k w_k."""
        num_samples = self.hyperparameters.num_samples
        posterior = self.model.encode(batch.x)
        z = posterior.rsample(self.generator, num_samples)
        log_w = self.model.log_joint(batch.x, z) - posterior.log_prob(z)
        bound = (torch.logsumexp(log_w, 0) - math.log(num_samples)).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * num_samples * len(batch.x))
