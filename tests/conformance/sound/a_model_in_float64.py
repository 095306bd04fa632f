"""A sound algorithm of another style: a model in float64."""

import torch

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    """The lower bound, in double precision."""

    Options = NoOptions

    def setup(self, problem, generator):
        """Model and Adam."""
        self.model = problem.model(encoder=True).double()
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def step(self, batch):
        """Ascend the bound."""
        bound = self.model.elbo(batch.x.double(), self.generator).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
