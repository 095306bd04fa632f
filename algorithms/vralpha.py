"""Variational Renyi bound."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.objectives.importance_weighted import WeightedDraws, weighted_draws


@dataclass(frozen=True)
class VRAlphaHyperparameters(Hyperparameters):
    """Options of the variational Renyi bound."""

    alpha: float = option(
        0.5, "order of the Renyi divergence: 1 gives the lower bound, 0 that of iwae, below 0 no lower bound"
    )
    num_samples: int = option(5, "draws of z per datapoint (K)", unit="samples", minimum=1)
    gradient: Literal["standard", "dreg"] = option(
        "standard",
        "estimator of the encoder's gradient: standard, of the bound as it stands; dreg, doubly reparameterised",
    )


class VRAlpha(Algorithm):
    """Variational Renyi bound: a family of bounds from AEVB's (``alpha=1``) to the importance-weighted one (``alpha=0``).

    The bound ``log p(x) - D_alpha(q(z|x) || p(z|x))`` is estimated by ``log((1/K) sum_k w_k^(1 - alpha)) / (1 - alpha)``
    with ``w_k = p(x, z_k) / q(z_k|x)``, the objective reported.  In expectation the estimate is a lower bound on log p(x)
    for alpha >= 0.  Below 0 it exceeds log p(x) if K is large, and its maximum need not be at the maximum likelihood; so
    compare log p(x), not objectives.  With K = 1, alpha makes no difference.  ``dreg`` is
    ``sum_k (alpha v_k + (1 - alpha) v_k^2) D_k`` in the encoder's parameters, where v_k is the share of draw k in
    ``sum w^(1 - alpha)`` and D_k the derivative of log w_k through z_k alone.

    Source: Li & Turner 2016, equations 5 and 10 (bound and gradient); Daudel et al. 2023 (its doubly reparameterised one).
    Cost of a step: 2 K M model evaluations, whatever the gradient.

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
        """Build decoder, encoder and one optimiser for both."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch: Batch) -> StepInfo:
        """Update theta and phi together by the gradient of the estimated bound."""
        bound = self.draw(batch.x).bound(self.hyperparameters.alpha).mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), model_evaluations=2 * self.hyperparameters.num_samples * len(batch.x))

    def draw(self, x: torch.Tensor) -> WeightedDraws:
        """K draws of z for each row of x [M, D], through which phi gets the gradient that the options ask for."""
        settings = self.hyperparameters
        ways = "both" if settings.gradient == "standard" else "path"
        draws = weighted_draws(self.model, x, self.generator, settings.num_samples, ways)
        if settings.gradient == "dreg":
            draws.scale_path(settings.alpha + (1 - settings.alpha) * draws.shares(settings.alpha))
        return draws
