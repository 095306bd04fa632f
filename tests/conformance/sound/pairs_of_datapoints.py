"""The maximum mean discrepancy by its unbiased estimator, which needs two datapoints in a minibatch."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


def kernel(a, b):
    """Gaussian, of all pairs."""
    return torch.exp(-(a[:, None] - b[None]).square().sum(-1) / a.shape[1])


def without_diagonal(matrix):
    """The mean of all but the diagonal."""
    count = len(matrix)
    return (matrix.sum() - matrix.diagonal().sum()) / (count * (count - 1))


class MaximumMeanDiscrepancy(Algorithm):
    """An auto-encoder whose draws of z are compared with the prior's, all together."""

    Options = NoOptions

    def setup(self, problem, generator):
        """Model and Adam."""
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch):
        """Reconstruct, and bring the aggregate posterior to the prior."""
        z = self.model.encode(batch.x).rsample(self.generator)
        prior = self.model.sample_prior(len(batch.x), self.generator)
        discrepancy = without_diagonal(kernel(z, z)) + without_diagonal(kernel(prior, prior))
        discrepancy = discrepancy - 2 * kernel(z, prior).mean()
        log_likelihood = self.model.decoder.log_prob(batch.x, z).mean()
        self.optimiser.zero_grad()
        (10 * discrepancy - log_likelihood).backward()
        self.optimiser.step()
        return StepInfo((log_likelihood - 10 * discrepancy).detach(), 2 * len(batch.x))
