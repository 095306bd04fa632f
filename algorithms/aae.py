"""The adversarial auto-encoder, with the same encoder as AEVB."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import skip_init

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option


@dataclass(frozen=True)
class AAEHyperparameters(Hyperparameters):
    """What can be set of the adversarial auto-encoder."""

    adversarial_weight: float = option(
        1.0, "of the encoder's adversarial loss -log D(z), in nats; 0 leaves z unregularised", minimum=0
    )
    discriminator_hidden: int = option(100, "units in both hidden layers of the discriminator", minimum=1)
    discriminator_rate: float = option(1e-3, "step size of the discriminator's Adam", above=0)


class AAE(Algorithm):
    """Adversarial auto-encoder: a discriminator's game, not a KL divergence, brings the encoder's draws to the prior.

    The best discriminator's log odds are log p(z) - log q(z), with q(z) the mean of q(z|x) over the data.  So the
    objective that is reported, log p(x|z) plus log odds, estimates E[log p(x|z)] - KL(q(z) || p(z)): the lower bound
    without the information I(x; z), which the bound charges for and this algorithm does not.  What the encoder ascends
    is log p(x|z) + adversarial_weight log D(z), as in the source: while D is undecided, log D has half the slope of the
    log odds.  Nothing keeps q(z|x) from being narrow; the bound is a diagnostic here, as in wake-sleep, and loose.
    Source: Makhzani et al. 2015; its reconstruction and regularisation phases make one update of the encoder here.
    Cost of a step: 2 M model evaluations; passes through encoder and discriminator are none.
    """

    Options = AAEHyperparameters
    hyperparameters: AAEHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Decoder and encoder as for all; the discriminator always with Adam, since Adagrad cannot follow.

        What the discriminator must tell apart changes for as long as the encoder learns, and Adagrad's steps shrink.
        """
        settings = self.hyperparameters
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)
        sizes = (problem.latent_size, settings.discriminator_hidden, settings.discriminator_hidden, 1)
        self.discriminator = perceptron(sizes, problem.x, generator)
        self.adversary = torch.optim.Adam(
            self.discriminator.parameters(), lr=settings.discriminator_rate, betas=(0.5, 0.999)
        )

    def step(self, batch: Batch) -> StepInfo:
        """The discriminator learns; then the auto-encoder, to reconstruct and to pass for the prior."""
        posterior = self.model.encode(batch.x)
        z = posterior.rsample(self.generator)  # [M, d]
        discriminator_loss = self.discriminate(z.detach())
        log_likelihood, log_odds = self.model.decoder.log_prob(batch.x, z), self.log_odds(z)
        not_fooled = softplus(-log_odds)  # -log D(z): the non-saturating loss, with a slope where D is sure
        loss = (self.hyperparameters.adversarial_weight * not_fooled - log_likelihood).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        objective = (log_likelihood + log_odds).detach().mean()
        return StepInfo(objective, 2 * len(batch.x), {"discriminator_loss": discriminator_loss})

    def discriminate(self, z: Tensor) -> Tensor:
        """One update of the discriminator, from as many draws of the prior as there are z [M, d]; its loss in nats.

        The loss is -log D(prior's) - log(1 - D(z)): 2 log 2 where the two cannot be told apart.
        """
        from_prior = self.model.sample_prior(len(z), self.generator)
        loss = (softplus(-self.log_odds(from_prior)) + softplus(self.log_odds(z))).mean()
        self.adversary.zero_grad()
        loss.backward()
        self.adversary.step()
        return loss.detach()

    def log_odds(self, z: Tensor) -> Tensor:
        """log D(z) - log(1 - D(z)), that z [M, d] came from the prior and not from the encoder: [M] nats."""
        log_odds: Tensor = self.discriminator(z).squeeze(-1)
        return log_odds


def perceptron(sizes: tuple[int, ...], like: Tensor, generator: torch.Generator) -> nn.Sequential:
    """Affine layers with leaky ReLUs between, on the device and in the precision of ``like``; it begins as zero.

    Initial weights are He's, those of the last layer zero: a discriminator begins undecided.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        affine = skip_init(nn.Linear, inputs, outputs, device=like.device, dtype=like.dtype)
        nn.init.kaiming_normal_(affine.weight, a=0.2, generator=generator)
        nn.init.zeros_(affine.bias)
        layers += [affine, nn.LeakyReLU(0.2)]
    nn.init.zeros_(affine.weight)
    return nn.Sequential(*layers[:-1])
