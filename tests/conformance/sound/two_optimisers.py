"""A sound algorithm of another style: two optimisers."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)

        self.theta = torch.optim.Adam(self.model.theta, lr=0.01)
        self.phi = torch.optim.SGD(self.model.phi, lr=0.05)

    def step(self, batch):

        bound = self.model.elbo(batch.x, self.generator).mean()
        for each in (self.theta, self.phi):
            each.zero_grad()
        (-bound).backward()
        for each in (self.theta, self.phi):
            each.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
