"""Beta-VAE: AEVB with a weighted KL divergence."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.errors import OptionError


@dataclass(frozen=True)
class BetaVAEHyperparameters(Hyperparameters):
    """Options of the beta-VAE."""

    beta: float = option(4.0, "weight of the KL divergence, in the end if it is annealed", above=0)
    annealing: int = option(
        0, "training samples over which the weight moves from initial_beta to beta", unit="samples", minimum=0
    )
    initial_beta: float = option(0.0, "weight of the KL divergence at the beginning of the annealing", minimum=0)
    num_samples: int = option(1, "draws of z per datapoint (L)", minimum=1)

    def __post_init__(self) -> None:
        """Check combinations of options."""
        if not self.annealing and self.initial_beta != type(self).initial_beta:
            raise OptionError(
                f"`initial_beta` of betavae has no effect without `annealing` (got {self.initial_beta:g}): set "
                "annealing to a number of training samples as well."
            )
        if self.annealing and self.initial_beta == self.beta:
            raise OptionError(
                f"`annealing` of betavae has no effect if `initial_beta` and `beta` are equal (got {self.beta:g} for "
                "both): choose another initial_beta, or leave annealing at 0."
            )


class BetaVAE(Algorithm):
    """Beta-VAE: ascends ``E_q[log p(x|z)] - beta KL(q(z|x) || p(z))``, the lower bound if beta is 1.

    The optimal q is proportional to ``p(z) p(x|z)^(1/beta)``, at which the objective is
    ``beta log E_p(z)[p(x|z)^(1/beta)]``: beta > 1 weakens the evidence of x, makes q wider than the posterior, and
    prunes latent dimensions that explain too little. The model is therefore not fitted by maximum likelihood, and its
    log p(x) is usually lower than that of `aevb`. With a linear decoder and Gaussian pixels, the optimal W is that of
    probabilistic PCA with noise variance ``v = beta S / (D - beta k)`` instead of ``S / (D - k)``, and the optimal
    noise variance is v / beta; here k is the number of eigenvalues of the data covariance that exceed v, and S is the
    sum of the others.

    ``annealing`` moves the weight linearly: up from 0 by default, or down from a large ``initial_beta``. The reported
    objective, which also selects the step size, always has the weight ``beta``.

    Source: Higgins et al. 2017, equation 4; Bowman et al. 2016 and Sønderby et al. 2016 (annealing).
    Cost of a step: 2 L M model evaluations.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = BetaVAE(latent_size=2, model="mlp[hidden=8]", beta=2, annealing=100, learning_rate=0.02)
        >>> algorithm.fit(x, budget=200).weight  # all annealed
        2.0
    """

    Options = BetaVAEHyperparameters
    hyperparameters: BetaVAEHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder, the encoder and one optimiser for both."""
        self.generator = generator
        self.samples = 0  # training samples seen so far, for the annealing
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    @property
    def weight(self) -> float:
        """The current weight of the KL divergence."""
        settings = self.hyperparameters
        share = min(1.0, self.samples / settings.annealing) if settings.annealing else 1.0
        return settings.initial_beta + share * (settings.beta - settings.initial_beta)

    def step(self, batch: Batch) -> StepInfo:
        """Update theta and phi together."""
        settings, weight = self.hyperparameters, self.weight
        posterior = self.model.encode(batch.x)
        z = posterior.rsample(self.generator, settings.num_samples)  # [L, M, d]
        log_likelihood = self.model.decoder.log_prob(batch.x, z).mean()
        kl = posterior.kl_to_standard_normal().mean()
        self.optimiser.zero_grad()
        (weight * kl - log_likelihood).backward()
        self.optimiser.step()
        self.samples += len(batch.x)
        return StepInfo(
            (log_likelihood - settings.beta * kl).detach(),
            model_evaluations=2 * settings.num_samples * len(batch.x),
            diagnostics={"kl": kl.detach(), "beta": weight},
        )
