"""A sound algorithm of another style: the score function."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)

        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.baseline = torch.zeros(())

    def step(self, batch):

        q = self.model.encode(batch.x)
        z = q.rsample(self.generator, 8).detach()
        log_q = q.log_prob(z)
        log_w = self.model.log_joint(batch.x, z) - log_q
        signal = log_w.detach()
        signal = signal - (signal.sum(0) - signal) / 7
        loss = -(log_w + signal * log_q).mean() + (log_q - log_q.detach()).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        bound = log_w.detach().mean()
        self.baseline = 0.9 * self.baseline + 0.1 * bound
        return StepInfo(bound, 16 * len(batch.x))
