"""Importance-weighted auto-encoder, with three estimators of the encoder's gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.objectives.importance_weighted import draws_for_bound


@dataclass(frozen=True)
class IWAEHyperparameters(Hyperparameters):
    """Options of IWAE."""

    num_samples: int = option(5, "draws of z per datapoint (K)", unit="samples", minimum=1)
    gradient: Literal["standard", "stl", "dreg"] = option(
        "standard",
        "estimator of the encoder's gradient: standard, of the bound as it stands; stl, without the score of q, which "
        "is biased if K > 1; dreg, doubly reparameterised, unbiased",
    )


class IWAE(Algorithm):
    """Importance-weighted auto-encoder: maximises a lower bound on log p(x) that K draws of z tighten.

    The reported objective is the bound ``log((1/K) sum_k w_k)`` with ``w_k = p(x, z_k) / q(z_k|x)``; K = 1 is AEVB with
    estimator A. The decoder's gradient is ``sum_k v_k d log p(x, z_k)`` with ``v_k = w_k / sum w``. For the encoder's
    gradient, let D_k be the derivative of log w_k in the encoder's parameters through z_k alone: ``stl`` is
    ``sum_k v_k D_k`` and ``dreg`` is ``sum_k v_k^2 D_k``, while ``standard`` also includes the score of q. As K grows,
    the signal-to-noise ratio of ``standard`` falls as 1 / sqrt(K), and that of ``dreg`` rises as sqrt(K).

    Source: Burda, Grosse & Salakhutdinov 2016, section 3 (bound and standard); Roeder, Wu & Duvenaud 2017 (stl);
    Tucker, Lawson, Gu & Maddison 2019 (dreg); Rainforth et al. 2018, theorem 1 (signal-to-noise ratio).
    Cost of a step: 2 K M model evaluations, for any ``gradient``.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = IWAE(latent_size=2, model="mlp[hidden=8]", num_samples=10, gradient="dreg", learning_rate=0.02)
        >>> algorithm = algorithm.fit(x, budget=200)
        >>> estimate = algorithm.estimate_log_likelihood(x, "importance[num_samples=20,proposal=encoder]")
        >>> estimate.log_likelihoods.shape
        torch.Size([100])
    """

    Options = IWAEHyperparameters
    hyperparameters: IWAEHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder, the encoder and one optimiser for both."""
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch: Batch) -> StepInfo:
        """Update theta and phi together; both gradients come from the same K draws."""
        num_samples, gradient = self.hyperparameters.num_samples, self.hyperparameters.gradient
        draws = draws_for_bound(self.model, batch.x, self.generator, num_samples, gradient=gradient)
        bound = draws.bound().mean()
        self.optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        return StepInfo(bound.detach(), model_evaluations=2 * num_samples * len(batch.x))
