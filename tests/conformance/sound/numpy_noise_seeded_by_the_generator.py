"""A sound algorithm of another style: NumPy's noise, seeded by the generator."""

import numpy as np
import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)

        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch):

        rng = np.random.default_rng(int(torch.randint(2**31, (), generator=self.generator)))
        q = self.model.encode(batch.x)
        noise = torch.as_tensor(rng.standard_normal(q.mean.shape)).float()
        z = q.mean + (q.log_variance / 2).exp() * noise
        bound = (self.model.decoder.log_prob(batch.x, z) - q.kl_to_standard_normal()).mean()

        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
