"""A sound algorithm of another style: slow adam."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=1e-3)

    def step(self, batch):
        bound = self.model.elbo(batch.x, self.generator).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
