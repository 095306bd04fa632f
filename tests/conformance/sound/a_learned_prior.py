"""A sound algorithm of another style: a learned prior."""

import torch
from torch import nn

from bench import Algorithm, LatentVariableModel, StepInfo
from bench.options import NoOptions


class WithPrior(LatentVariableModel):
    def __init__(self, model):
        super().__init__(model.latent_size, model.decoder, model.encoder)
        self.location = nn.Parameter(torch.zeros(model.latent_size))

    def log_prior(self, z):
        return super().log_prior(z - self.location)

    def sample_prior(self, num_samples, generator):
        return super().sample_prior(num_samples, generator) + self.location

    def elbo(self, x, generator, num_samples=1, *, seen=None):
        q = self.encode(x if seen is None else seen)
        z = q.rsample(generator, num_samples)
        return (self.log_joint(x, z) - q.log_prob(z)).mean(0)


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)

        self.model = WithPrior(self.model)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch):

        q = self.model.encode(batch.x)
        z = q.rsample(self.generator)
        bound = (self.model.log_joint(batch.x, z) - q.log_prob(z)).mean()

        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
