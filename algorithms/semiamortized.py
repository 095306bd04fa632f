"""AEVB whose posterior is refined by a few gradient steps per datapoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.models.frozen import frozen
from bench.models.gaussian import Gaussian
from bench.models.refinement import RefinedModel, Refinement


@dataclass(frozen=True)
class SemiAmortizedHyperparameters(Hyperparameters):
    """Options of semi-amortised variational inference."""

    num_updates: int = option(4, "gradient steps from the encoder's q (T)", minimum=1)
    step_size: float = option(0.3, "size of a step; 1 is a Newton step of the mean", above=0, maximum=1)
    num_pairs: int = option(1, "antithetic pairs of draws of z per gradient step (P)", minimum=1)
    gradient: Literal["through", "start"] = option(
        "through",
        "gradient of the encoder: that of the refined bound, through the steps, or that of its own bound before them",
    )
    num_samples: int = option(1, "draws of z per datapoint for the bounds (L)", minimum=1)


class SemiAmortized(Algorithm):
    """Semi-amortised variational inference: an encoder, then a few gradient steps on each datapoint's own bound.

    The objective is the lower bound of the refined q. With ``gradient=through``, its gradient in theta and phi passes
    through the steps, so that the encoder learns to provide a good starting point. With ``gradient=start``, the decoder
    ascends the bound of the refined q, which is held fixed, and the encoder ascends its own bound. The steps are
    natural-gradient steps, whose size does not depend on the scale of z; the paper uses plain gradient steps with
    momentum.

    The trained model's q(z|x) is the refined one, with the same noise in the steps for all x; the bounds, the diagnosis
    and the estimators use it. Each encoding costs 4 P T model evaluations per datapoint, which their counts do not
    include.

    Source: Kim et al. 2018, algorithm 1 (through); Krishnan, Liang & Hoffman 2018, algorithm 2 (start).
    Cost of a step: M (8 P T + 2 L) model evaluations, or M (4 P T + 4 L) with ``gradient=start``.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = SemiAmortized(latent_size=2, model="mlp[hidden=8]", learning_rate=0.02).fit(x, budget=200)
        >>> algorithm.model.encode(x).mean.shape  # after the steps
        torch.Size([100, 2])
    """

    Options = SemiAmortizedHyperparameters
    hyperparameters: SemiAmortizedHyperparameters
    model: RefinedModel

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder and the encoder, with one optimiser each."""
        settings = self.hyperparameters
        self.generator = generator
        refinement = Refinement(settings.num_updates, settings.step_size, settings.num_pairs)
        self.model = RefinedModel.around(problem.model(encoder=True), refinement)
        self.generative = self.make_optimiser(self.model.theta, problem)
        self.recognition = self.make_optimiser(self.model.phi, problem)

    def step(self, batch: Batch) -> StepInfo:
        """Update theta and phi together."""
        settings, refinement = self.hyperparameters, self.model.refinement.cost
        self.generative.zero_grad()
        self.recognition.zero_grad()
        if settings.gradient == "through":
            bound, cost = self.joint_bound(batch.x), 2 * refinement + 2 * settings.num_samples
        else:
            bound, cost = self.separate_bounds(batch.x), refinement + 4 * settings.num_samples
        self.generative.step()
        self.recognition.step()
        return StepInfo(bound, model_evaluations=cost * len(batch.x))

    def joint_bound(self, x: Tensor) -> Tensor:
        """Accumulate the gradient of the refined bound, through the refinement, and return the bound."""
        posterior = self.refined(x, self.model.encoder(x), differentiable=True)
        z, kl = posterior.rsample_with_kl(self.generator, self.hyperparameters.num_samples)
        bound = (self.model.decoder.log_prob(x, z) - kl).mean()
        (-bound).backward()
        return bound.detach()

    def separate_bounds(self, x: Tensor) -> Tensor:
        """Accumulate the gradients of the encoder's bound in phi and the refined bound in theta; return the latter."""
        start = self.model.encoder(x)
        z, kl = start.rsample_with_kl(self.generator, self.hyperparameters.num_samples)
        (kl - self.model.decoder.log_prob(x, z)).mean().backward()
        self.generative.zero_grad()  # the gradient of the encoder's bound in theta is not used
        with frozen(self.model), torch.no_grad():  # with dropout the bound would change at each step
            posterior = self.refined(x, start)
            z, kl = posterior.rsample_with_kl(self.generator, self.hyperparameters.num_samples)
        return (self.model.decoder.log_prob_backward(x, z) - kl).mean()

    def refined(self, x: Tensor, start: Gaussian, *, differentiable: bool = False) -> Gaussian:
        """Return q(z|x) refined from ``start`` with newly drawn noise."""
        refinement = self.model.refinement
        noise = refinement.draw(start.mean, self.generator)
        return refinement(self.model, x, start, noise, differentiable=differentiable)
