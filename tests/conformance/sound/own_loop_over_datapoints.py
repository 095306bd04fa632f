"""A sound algorithm of another style: own loop over datapoints."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adagrad(self.model.parameters(), lr=0.05)

    def step(self, batch):

        self.optimiser.zero_grad()
        total = torch.zeros(())
        for x in batch.x:
            bound = self.model.elbo(x[None], self.generator).sum() / len(batch.x)
            (-bound).backward()
            total += bound.detach()
        self.optimiser.step()
        return StepInfo(total, 2 * len(batch.x))
