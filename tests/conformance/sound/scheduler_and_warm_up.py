"""A sound algorithm of another style: scheduler and warm-up."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)

        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.02)
        self.scheduler = torch.optim.lr_scheduler.StepLR(self.optimiser, 100, 0.9)
        self.updates = 0

    def step(self, batch):

        self.updates += 1
        q = self.model.encode(batch.x)
        log_likelihood = self.model.decoder.log_prob(batch.x, q.rsample(self.generator))
        kl = q.kl_to_standard_normal()
        loss = (min(1.0, self.updates / 50) * kl - log_likelihood).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        self.scheduler.step()
        return StepInfo((log_likelihood - kl).mean().detach(), 2 * len(batch.x), {"kl": kl.mean().detach()})
