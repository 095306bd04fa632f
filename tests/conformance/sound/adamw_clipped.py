"""A sound algorithm of another style: adamw, clipped."""

import torch
from torch import nn

from bench import Algorithm, StepInfo
from bench.options import NoOptions


class Mine(Algorithm):
    Options = NoOptions

    def setup(self, problem, generator):
        self.model = problem.model(encoder=True)
        self.optimiser = torch.optim.AdamW(self.model.parameters(), lr=0.01, weight_decay=0.01)

    def step(self, batch):
        bound = self.model.elbo(batch.x, self.generator).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        return StepInfo(bound.detach(), 2 * len(batch.x))
