"""Reweighted wake-sleep with five draws, which are no option; tests plant defects."""

from __future__ import annotations

import math

import torch

from bench import Algorithm, Batch, Problem, StepInfo


class Reweighted(Algorithm):
    """Decoder and encoder ascend the joint and the encoder's density at fixed, weighted draws."""

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build two optimisers."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.of_decoder = self.make_optimiser(self.model.theta, problem)
        self.of_encoder = self.make_optimiser(self.model.phi, problem)

    def step(self, batch: Batch) -> StepInfo:
        """Wake."""
        posterior = self.model.encode(batch.x)
        z = posterior.rsample(self.generator, 5).detach()
        log_p, log_q = self.model.log_joint(batch.x, z), posterior.log_prob(z)
        shares = (log_p - log_q).softmax(0).detach()
        self.of_decoder.zero_grad()
        self.of_encoder.zero_grad()
        (-(shares * (log_p + log_q)).sum(0).mean()).backward()
        self.of_decoder.step()
        self.of_encoder.step()
        bound = ((log_p - log_q).logsumexp(0) - math.log(5)).mean()
        return StepInfo(bound.detach(), 10 * len(batch.x))
