"""Wake-sleep, with the same encoder as AEVB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option


@dataclass(frozen=True)
class WakeSleepHyperparameters(Hyperparameters):
    """Options of wake-sleep."""

    phases: Literal["alternating", "simultaneous"] = option(
        "alternating",
        "decoder that the sleep phase dreams with: alternating, the one that the wake phase has just updated; "
        "simultaneous, the one before that update",
    )


class WakeSleep(Algorithm):
    """Wake-sleep: fits the decoder to draws from the encoder, and the encoder to draws ("dreams") from the decoder.

    The lower bound is a diagnostic here, not the objective. The phases alternate, as published; with both phases at the
    same parameters (``phases=simultaneous``), learning is slower on MNIST (docs/measurements.md).
    Source: Hinton, Dayan, Frey & Neal 1995; the baseline of Kingma & Welling 2014, section 5.
    Cost of a step: 3 M model evaluations.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = WakeSleep(latent_size=2, model="mlp[hidden=8]", learning_rate=0.02).fit(x, budget=200)
        >>> estimate = algorithm.estimate_log_likelihood(x, "importance[num_samples=20,proposal=encoder]")
        >>> estimate.log_likelihoods.shape
        torch.Size([100])
    """

    Options = WakeSleepHyperparameters
    hyperparameters: WakeSleepHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder and the encoder, with one optimiser each."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.generative = self.make_optimiser(self.model.theta, problem)
        self.recognition = self.make_optimiser(self.model.phi, problem)

    def step(self, batch: Batch) -> StepInfo:
        """Wake and update the decoder, then dream and update the encoder."""
        self.generative.zero_grad()
        self.recognition.zero_grad()
        bound = self.wake(batch.x)
        if self.hyperparameters.phases == "simultaneous":
            self.sleep(len(batch.x))
            self.generative.step()
        else:
            self.generative.step()
            self.sleep(len(batch.x))
        self.recognition.step()
        return StepInfo(bound, model_evaluations=3 * len(batch.x))

    def wake(self, x: torch.Tensor) -> torch.Tensor:
        """Accumulate the gradient of log p(x, z) in theta at a fixed z ~ q(z|x); return the estimated lower bound."""
        with torch.no_grad():
            posterior = self.model.encode(x)
            z = posterior.rsample(self.generator)  # [M, d]
        return (self.model.log_joint_backward(x, z) - posterior.log_prob(z)).mean()

    def sleep(self, num_dreams: int) -> None:
        """Accumulate the gradient of log q(z|x) in phi at dreams (z, x) ~ p(z) p(x|z); x is a draw, not a mean."""
        with torch.no_grad():
            z = self.model.sample_prior(num_dreams, self.generator)
            x = self.model.decoder.sample(z, self.generator)
        self.model.log_posterior_backward(x, z)
