"""A sound algorithm of another style: sgd with momentum."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.SGD(self.model.parameters(), lr=0.05, momentum=0.9)

    def step(self, batch):
        bound = self.model.elbo(batch.x, self.generator).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
