"""Variational Renyi bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.objectives.importance_weighted import draws_for_bound


@dataclass(frozen=True)
class VRAlphaHyperparameters(Hyperparameters):
    """Options of the variational Renyi bound."""

    alpha: float = option(
        0.5, "order of the Renyi divergence: 1 gives the lower bound, 0 that of iwae, below 0 no lower bound"
    )
    num_samples: int = option(5, "draws of z per datapoint (K)", unit="samples", minimum=1)
    gradient: Literal["standard", "stl", "dreg"] = option(
        "standard",
        "estimator of the encoder's gradient: standard, of the bound as it stands; stl, without the score of q, which "
        "is biased if K > 1 and alpha is not 1; dreg, doubly reparameterised, unbiased",
    )


class VRAlpha(Algorithm):
    """Variational Renyi bound: a family from the lower bound (alpha = 1) to the importance-weighted one (alpha = 0).

    The bound ``log p(x) - D_alpha(q(z|x) || p(z|x))`` is estimated by
    ``log((1/K) sum_k w_k^(1 - alpha)) / (1 - alpha)`` with ``w_k = p(x, z_k) / q(z_k|x)``; the estimate is the reported
    objective. In expectation, it is a lower bound on log p(x) for alpha >= 0. For alpha < 0, it can exceed log p(x) if
    K is large, and its maximum need not be at the maximum-likelihood solution, so compare log p(x) rather than
    objectives. With K = 1, alpha has no effect. For the encoder's gradient, let v_k be the share of draw k in
    ``sum w^(1 - alpha)`` and D_k the derivative of log w_k in the encoder's parameters through z_k alone: ``dreg`` is
    ``sum_k (alpha v_k + (1 - alpha) v_k^2) D_k`` and ``stl`` is ``sum_k v_k D_k``.

    Source: Li & Turner 2016, section 4 (bound and its estimate); Daudel, Benton, Shi & Doucet 2023 (dreg).
    Cost of a step: 2 K M model evaluations, for any ``gradient``.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = VRAlpha(latent_size=2, model="mlp[hidden=8]", alpha=0.2, learning_rate=0.02).fit(x, budget=200)
        >>> estimate = algorithm.estimate_log_likelihood(x, "importance[num_samples=20,proposal=encoder]")
        >>> estimate.log_likelihoods.shape
        torch.Size([100])
    """

    Options = VRAlphaHyperparameters
    hyperparameters: VRAlphaHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder, the encoder and one optimiser for both."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch: Batch) -> StepInfo:
        """Update theta and phi together by the gradient of the estimated bound."""
        chosen = self.hyperparameters
        draws = draws_for_bound(
            self.model, batch.x, self.generator, chosen.num_samples, gradient=chosen.gradient, alpha=chosen.alpha
        )
        bound = draws.bound(chosen.alpha).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), model_evaluations=2 * chosen.num_samples * len(batch.x))
