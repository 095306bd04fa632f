"""A sound algorithm of another style: a critic of its own."""

import torch
from torch import nn

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)

        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        with torch.random.fork_rng():
            torch.manual_seed(int(torch.randint(2**31, (), generator=generator)))
            self.critic = nn.Linear(problem.latent_size, 1)
        self.of_critic = torch.optim.Adam(self.critic.parameters(), lr=0.01)

    def step(self, batch):

        z = self.model.encode(batch.x).rsample(self.generator).detach()
        loss = (self.critic(z).squeeze(-1) - 1).square().mean()
        self.of_critic.zero_grad()
        loss.backward()
        self.of_critic.step()
        bound = self.model.elbo(batch.x, self.generator).mean()

        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
