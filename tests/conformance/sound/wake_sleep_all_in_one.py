"""A sound algorithm of another style: wake-sleep, all in one."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch):

        with torch.no_grad():
            q = self.model.encode(batch.x)
            z = q.rsample(self.generator)
            dream = self.model.sample_prior(len(batch.x), self.generator)
            x = self.model.decoder.sample(dream, self.generator)
        log_joint = self.model.log_joint(batch.x, z).mean()
        loss = -log_joint - self.model.encode(x).log_prob(dream).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return StepInfo(log_joint.detach() - q.log_prob(z).mean(), 3 * len(batch.x))
