"""A user's algorithm without options: no step size, no choice of optimiser, no batch size."""

from __future__ import annotations

import torch

from bench import Algorithm, Batch, Problem, StepInfo
from bench.options import NoOptions


class Bare(Algorithm):
    """Auto-encoding variational Bayes with an Adam of its own (a user's own file).

    Source: Kingma & Welling 2014.
    """

    Options = NoOptions

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Model and Adam."""
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch: Batch) -> StepInfo:
        """Ascend the bound."""
        bound = self.model.elbo(batch.x, self.generator).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
