"""A sound algorithm of another style: no encoder, Langevin chains."""

import math

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)

        self.model = problem.model(encoder=False)
        self.chains = self.model.sample_prior(problem.num_data, generator)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch):

        z = self.chains[batch.index]
        for _ in range(3):
            noise = torch.randn(z.shape, generator=self.generator)
            z = z + 0.1 * self.model.log_joint_gradient(batch.x, z) + math.sqrt(0.2) * noise
        self.chains[batch.index] = z
        bound = self.model.log_joint(batch.x, z).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 8 * len(batch.x))
