"""The lower bound, written out."""

import random  # noqa: F401  # what defects need
import time  # noqa: F401  # likewise

import numpy as np  # noqa: F401  # likewise
import torch
from torch.nn.functional import binary_cross_entropy_with_logits as cross_entropy

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class AutoEncoder(Algorithm):
    """AEVB with everything written out."""

    Options = NoOptions

    def setup(self, problem, generator):
        """Model and Adam."""
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)
        self.seen = 0

    def step(self, batch):
        """Ascend the bound."""
        self.seen += len(batch.x)
        mean, log_variance = self.model.encoder.network(batch.x)
        noise = torch.randn(mean.shape, generator=self.generator)
        z = mean + (0.5 * log_variance).exp() * noise
        logits = self.model.decoder.network(z)[0]
        log_likelihood = -cross_entropy(logits, batch.x, reduction="none").sum(-1)
        kl = 0.5 * (mean**2 + log_variance.exp() - 1 - log_variance).sum(-1)
        bound = (log_likelihood - kl).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
