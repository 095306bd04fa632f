"""A sound algorithm of another style: float64 inside."""

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
        mean, log_variance = q.mean.double(), q.log_variance.double()
        noise = torch.randn(mean.shape, generator=self.generator, dtype=torch.float64)
        z = mean + (log_variance / 2).exp() * noise
        log_likelihood = self.model.decoder.log_prob(batch.x, z.float()).double()
        bound = (log_likelihood + 0.5 * (1 + log_variance - mean**2 - log_variance.exp()).sum(1)).mean()

        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
