"""A sound algorithm of another style: own loop over samples."""

import math

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.RMSprop(self.model.parameters(), lr=0.005)

    def step(self, batch):

        q = self.model.encode(batch.x)
        log_w = []
        for _ in range(4):
            z = q.rsample(self.generator)
            log_w.append(self.model.log_joint(batch.x, z) - q.log_prob(z))
        bound = (torch.logsumexp(torch.stack(log_w), 0) - math.log(4)).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 8 * len(batch.x))
