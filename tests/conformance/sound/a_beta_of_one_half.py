"""A sound algorithm of another style: a beta of one half."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch):

        q = self.model.encode(batch.x)
        z = q.rsample(self.generator)
        bound = (self.model.decoder.log_prob(batch.x, z) - 0.5 * q.kl_to_standard_normal()).mean()

        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
