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
    """What can be set of AEVB."""

    num_samples: int = option(1, "draws of z for each datapoint (L)", minimum=1)
    estimator: Literal["A", "B"] = option("B", "SGVB estimator: A samples the KL divergence, B has it in closed form")
    denoise: Literal["none", "masking", "salt_and_pepper", "gaussian"] = option(
        "none", "noise on the x that the encoder sees in training"
    )
    corruption: float = option(
        0.1, "for denoise: share of pixels masked, or set to 0 or 1; standard deviation of gaussian noise", above=0
    )
    kl_warmup: int = option(
        0, "training samples in which the KL divergence's weight rises from 0 to 1", unit="samples", minimum=0
    )
    free_bits: float = option(
        0.0, "KL divergence of a latent dimension (minibatch mean) that costs nothing", unit="nats", minimum=0
    )

    @property
    def eases_kl(self) -> bool:
        """Whether the KL divergence is charged for otherwise than the bound does."""
        return self.kl_warmup > 0 or self.free_bits > 0

    def __post_init__(self) -> None:
        """Refuse combinations that mean nothing."""
        given = self.corruption
        if self.eases_kl and self.estimator == "A":
            raise OptionError(
                "`kl_warmup` and `free_bits` of aevb need the KL divergence by dimension, in closed form (got "
                "estimator=A): choose estimator=B, or leave both at 0."
            )
        if self.denoise in ("masking", "salt_and_pepper") and given > 1:
            raise OptionError(f"`corruption` of aevb is a share of the pixels, at most 1 (got {given:g}).")
        if self.denoise == "none" and given != type(self).corruption:
            raise OptionError(f"`corruption` of aevb does nothing without denoise (got {given:g}): set denoise too.")


class AEVB(Algorithm):
    """Auto-encoding variational Bayes: ascends the lower bound through reparameterised draws.

    Against posterior collapse, ``kl_warmup`` and ``free_bits`` ascend something easier than the bound; the objective
    that is reported, and that the step size is chosen by, is the bound all the same.  With ``denoise`` it is that of
    q(z|corrupted x) on the clean x: a lower bound still, as for any q.  Evaluation encodes the clean x.
    Source: Kingma & Welling 2014, algorithm 1, equations 6 (estimator A) and 7 (estimator B); Bowman et al. 2016 (KL
    warm-up); Kingma et al. 2016, equation 15 (free bits); Im et al. 2017 (denoising).
    Cost of a step: 2 L M model evaluations.
    """

    Options = AEVBHyperparameters
    hyperparameters: AEVBHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Decoder, encoder and one optimiser for both."""
        if self.hyperparameters.denoise == "salt_and_pepper" and not problem.bounded:
            raise OptionError(
                "`denoise` of aevb: salt_and_pepper sets values to 0 or 1, and these data do not lie in [0, 1]: choose "
                "masking or gaussian."
            )
        self.generator = generator
        self.samples = 0  # training samples seen, which KL warm-up goes by
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)

    def step(self, batch: Batch) -> StepInfo:
        """One ascent in theta and phi together, of the bound or of what eases it."""
        log_likelihood, kl = self.terms(batch.x)
        bound = (log_likelihood - kl.sum(-1)).mean()
        ascended = log_likelihood.mean() - self.charge(kl.mean(0)) if self.hyperparameters.eases_kl else bound
        self.optimiser.zero_grad()
        (-ascended).backward()
        self.optimiser.step()
        self.samples += len(batch.x)
        return StepInfo(bound.detach(), model_evaluations=2 * self.hyperparameters.num_samples * len(batch.x))

    def terms(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Both terms of the bound, for x [M, D] in nats: log p(x|z) [M], and the KL divergence by dimension [M, d].

        Estimator A samples the KL divergence, all dimensions at once: [M, 1].
        """
        settings = self.hyperparameters
        posterior = self.model.encode(corrupt(x, settings.denoise, settings.corruption, self.generator))
        z = posterior.rsample(self.generator, settings.num_samples)  # [L, M, d]
        log_likelihood = self.model.decoder.log_prob(x, z).mean(0)
        if settings.estimator == "B":
            return log_likelihood, posterior.kl_terms()
        return log_likelihood, (posterior.log_prob(z) - self.model.log_prior(z)).mean(0)[:, None]

    def charge(self, kl: torch.Tensor) -> torch.Tensor:
        """What KL divergences [d], means over the minibatch, cost by now: in nats, a scalar."""
        settings = self.hyperparameters
        weight = min(1.0, self.samples / settings.kl_warmup) if settings.kl_warmup else 1.0
        return weight * kl.clamp(min=settings.free_bits).sum()
