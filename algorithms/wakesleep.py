"""The wake-sleep algorithm, with the same encoder as AEVB."""

from __future__ import annotations

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo


class WakeSleep(Algorithm):
    """Wake-sleep: fits the decoder to the encoder's draws, and the encoder to the decoder's dreams.

    The lower bound is a diagnostic here, not the objective.  Source: Hinton, Dayan, Frey & Neal 1995, as compared
    with in Kingma & Welling 2014, section 5.  Cost of a step: 3 M model evaluations.
    """

    hyperparameters: Hyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Decoder, encoder and one optimiser: each phase gives the gradient of its own half of the parameters."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch: Batch) -> StepInfo:
        """A wake phase and a sleep phase, both from the parameters as they stand, then one update of both halves."""
        self.optimiser.zero_grad()
        bound = self.wake(batch.x)
        self.sleep(len(batch.x))
        self.optimiser.step()
        return StepInfo(bound, model_evaluations=3 * len(batch.x))

    def wake(self, x: torch.Tensor) -> torch.Tensor:
        """Gradient of log p(x, z) in theta at z ~ q(z|x), none through z; returns the bound that the draws estimate."""
        with torch.no_grad():
            posterior = self.model.encode(x)
            z = posterior.rsample(self.generator)  # [M, d]
        log_joint = self.model.log_joint(x, z)
        (-log_joint.mean()).backward()
        return (log_joint.detach() - posterior.log_prob(z)).mean()

    def sleep(self, num_dreams: int) -> None:
        """Gradient of log q(z|x) in phi at a dream (z, x) ~ p(z) p(x|z): x is a draw, not a mean."""
        with torch.no_grad():
            z = self.model.sample_prior(num_dreams, self.generator)
            x = self.model.decoder.sample(z, self.generator)
        (-self.model.encode(x).log_prob(z).mean()).backward()
