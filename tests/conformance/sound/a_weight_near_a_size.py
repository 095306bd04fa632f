"""A beta-VAE whose weight is near one over the number of pixels of the tiny problem, by chance."""

from dataclasses import dataclass

import torch

from bench import Algorithm, StepInfo, option


@dataclass(frozen=True)
class Weight:
    """The weight alone."""

    weight: float = option(0.14, "weight of the KL divergence", above=0)


class SmallBeta(Algorithm):
    """A beta-VAE, whose options have no step size."""

    Options = Weight

    def setup(self, problem, generator):
        """Model and Adam."""
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch):
        """Ascend the weighted bound, and report the bound."""
        posterior = self.model.encode(batch.x)
        log_likelihood = self.model.decoder.log_prob(batch.x, posterior.rsample(self.generator))
        kl = posterior.kl_to_standard_normal()
        self.optimiser.zero_grad()
        (self.hyperparameters.weight * kl - log_likelihood).mean().backward()
        self.optimiser.step()
        return StepInfo((log_likelihood - kl).mean().detach(), 2 * len(batch.x))
