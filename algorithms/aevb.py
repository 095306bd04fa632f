"""Auto-Encoding Variational Bayes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.errors import OptionError
from bench.models.corruption import corrupt


@dataclass(frozen=True)
class AEVBHyperparameters(Hyperparameters):
    """Options of AEVB."""

    num_samples: int = option(1, "draws of z per datapoint (L)", minimum=1)
    estimator: Literal["A", "B"] = option(
        "B", "SGVB estimator: A samples the KL divergence, B computes it in closed form"
    )
    denoise: Literal["none", "masking", "salt_and_pepper", "gaussian"] = option(
        "none", "noise added to the encoder's input during training"
    )
    corruption: float = option(
        0.1,
        "strength of the noise: fraction of pixels that are masked or set to 0 or 1, or standard deviation if gaussian",
        above=0,
    )
    kl_warmup: int = option(
        0, "training samples over which the weight of the KL divergence rises from 0 to 1", unit="samples", minimum=0
    )
    free_bits: float = option(
        0.0, "KL divergence per latent dimension (minibatch mean) that is not penalised", unit="nats", minimum=0
    )

    @property
    def relaxes_kl(self) -> bool:
        """Whether training penalises the KL divergence less than the bound does."""
        return self.kl_warmup > 0 or self.free_bits > 0

    def __post_init__(self) -> None:
        """Check combinations of options."""
        if self.relaxes_kl and self.estimator == "A":
            raise OptionError(
                "`kl_warmup` and `free_bits` of aevb need the KL divergence per dimension in closed form (got "
                "estimator=A): choose estimator=B, or leave both at 0."
            )
        if self.denoise in ("masking", "salt_and_pepper") and self.corruption > 1:
            raise OptionError(
                f"`corruption` of aevb is a fraction of the pixels and must be at most 1 (got {self.corruption:g})."
            )
        if self.denoise == "none" and self.corruption != type(self).corruption:
            raise OptionError(
                f"`corruption` of aevb has no effect without `denoise` (got {self.corruption:g}): set denoise as well."
            )


class AEVB(Algorithm):
    """Auto-encoding variational Bayes: maximises the lower bound with reparameterised draws of z.

    ``kl_warmup`` and ``free_bits`` counteract posterior collapse by relaxing the KL penalty during training. The
    reported objective, which also selects the step size, remains the lower bound. With ``denoise``, the encoder sees a
    corrupted x and the objective is the bound for the clean x with q(z|corrupted x), which is still a lower bound on
    log p(x). Evaluation always encodes the clean x.

    Source: Kingma & Welling 2014, algorithm 1, equations 6 (estimator A) and 7 (estimator B); Bowman et al. 2016 (KL
    warm-up); Kingma et al. 2016, equation 15 (free bits); Im et al. 2017 (denoising).
    Cost of a step: 2 L M model evaluations.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = AEVB(latent_size=2, model="mlp[hidden=8]", num_samples=5, learning_rate=0.02)
        >>> algorithm = algorithm.fit(x, budget=200)
        >>> estimate = algorithm.estimate_log_likelihood(x, "importance[num_samples=20,proposal=encoder]")
        >>> estimate.log_likelihoods.shape  # one value per datapoint, in nats
        torch.Size([100])
        >>> estimate.bias
        'lower'
    """

    Options = AEVBHyperparameters
    hyperparameters: AEVBHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder, the encoder and one optimiser for both."""
        if self.hyperparameters.denoise == "salt_and_pepper" and not problem.bounded:
            raise OptionError(
                "`denoise` of aevb cannot be 'salt_and_pepper', which sets values to 0 or 1: these data do not lie in "
                "[0, 1]. Choose masking or gaussian."
            )
        self.generator = generator
        self.samples = 0  # training samples seen so far, for KL warm-up
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch: Batch) -> StepInfo:
        """Update theta and phi together by the gradient of the bound, or of its relaxation."""
        settings = self.hyperparameters
        seen = corrupt(batch.x, settings.denoise, settings.corruption, self.generator)
        self.optimiser.zero_grad()
        if settings.estimator == "B" and not settings.relaxes_kl:
            bound = self.model.elbo_backward(batch.x, self.generator, settings.num_samples, seen=seen)
        else:
            bound, objective = self.bound_and_objective(batch.x, seen)
            (-objective).backward()
        self.optimiser.step()
        self.samples += len(batch.x)
        return StepInfo(bound.detach(), model_evaluations=2 * self.hyperparameters.num_samples * len(batch.x))

    def bound_and_objective(self, x: torch.Tensor, seen: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return minibatch means, in nats, of the bound and its relaxation for x [M, D]; the encoder sees ``seen``."""
        settings = self.hyperparameters
        posterior = self.model.encode(seen)
        z = posterior.rsample(self.generator, settings.num_samples)  # [L, M, d]
        log_likelihood = self.model.decoder.log_prob(x, z).mean()
        if settings.estimator == "A":
            bound = log_likelihood - (posterior.log_prob(z) - self.model.log_prior(z)).mean()
            return bound, bound
        kl = posterior.kl_terms().mean(0)  # [d]
        return log_likelihood - kl.sum(), log_likelihood - self.kl_penalty(kl)

    def kl_penalty(self, kl: torch.Tensor) -> torch.Tensor:
        """Return the current penalty, a scalar in nats, for the KL divergences [d] averaged over the minibatch."""
        settings = self.hyperparameters
        weight = min(1.0, self.samples / settings.kl_warmup) if settings.kl_warmup else 1.0
        return weight * kl.clamp(min=settings.free_bits).sum()
