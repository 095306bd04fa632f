"""A sound algorithm of another style: a list of optimisers."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimisers = [torch.optim.Adam(each, lr=0.01) for each in (self.model.theta, self.model.phi)]

    def step(self, batch):

        bound = self.model.elbo(batch.x, self.generator).mean()
        for each in self.optimisers:
            each.zero_grad()
        (-bound).backward()
        for each in self.optimisers:
            each.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
