"""Adversarial auto-encoder, with the same encoder as AEVB."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus
from torch.nn.utils import skip_init

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.training.optimiser import Adam


@dataclass(frozen=True)
class AAEHyperparameters(Hyperparameters):
    """Options of the adversarial auto-encoder."""

    adversarial_weight: float = option(
        1.0, "weight of the encoder's adversarial loss -log D(z); 0 leaves z unregularised", minimum=0
    )
    discriminator_hidden: int = option(100, "units in each of the discriminator's two hidden layers", minimum=1)
    discriminator_rate: float = option(1e-3, "step size of the discriminator's Adam", above=0)


class AAE(Algorithm):
    """Adversarial auto-encoder: a discriminator, rather than a KL divergence, matches the encoder's draws to the prior.

    The log odds of the optimal discriminator D are ``log p(z) - log q(z)``, where q(z) is the average of q(z|x) over
    the data. The reported objective, ``log p(x|z)`` plus the log odds, therefore estimates
    ``E[log p(x|z)] - KL(q(z) || p(z))``: the lower bound without the mutual information I(x; z), which the bound
    penalises and this algorithm does not. The encoder ascends ``log p(x|z) + adversarial_weight * log D(z)``, as in
    the paper; while D is undecided, log D has half the slope of the log odds. Nothing prevents q(z|x) from becoming
    narrow, so the lower bound is only a diagnostic here, as in wake-sleep, and it is loose.

    The paper alternates a reconstruction and a regularisation phase; here both are one update of the encoder.
    Source: Makhzani et al. 2015.
    Cost of a step: 2 M model evaluations; passes through the encoder and the discriminator are not counted.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = AAE(latent_size=2, model="mlp[hidden=8]", learning_rate=0.02).fit(x, budget=200)
        >>> estimate = algorithm.estimate_log_likelihood(x, "importance[num_samples=20,proposal=encoder]")
        >>> estimate.log_likelihoods.shape
        torch.Size([100])
    """

    Options = AAEHyperparameters
    hyperparameters: AAEHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the model and the discriminator, which always uses Adam.

        The distributions that the discriminator separates change as long as the encoder learns, and Adagrad's
        shrinking steps could not keep up.
        """
        settings = self.hyperparameters
        self.generator = generator
        self.model = problem.model(encoder=True)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)
        sizes = (problem.latent_size, settings.discriminator_hidden, settings.discriminator_hidden, 1)
        self.discriminator = perceptron(sizes, problem.x, generator)
        self.adversary = Adam(self.discriminator.parameters(), lr=settings.discriminator_rate, betas=(0.5, 0.999))

    def step(self, batch: Batch) -> StepInfo:
        """Update the discriminator, then the auto-encoder, which learns to reconstruct x and fool the discriminator."""
        posterior = self.model.encode(batch.x)
        z = posterior.rsample(self.generator)  # [M, d]
        discriminator_loss = self.discriminate(z.detach())
        log_likelihood, log_odds = self.model.decoder.log_prob(batch.x, z), self.log_odds(z)
        adversarial = softplus(-log_odds)  # -log D(z): the non-saturating loss, steep even if D is confident
        loss = (self.hyperparameters.adversarial_weight * adversarial - log_likelihood).mean()
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        objective = (log_likelihood + log_odds).detach().mean()
        return StepInfo(objective, 2 * len(batch.x), {"discriminator_loss": discriminator_loss})

    def discriminate(self, z: Tensor) -> Tensor:
        """Update the discriminator on z [M, d] and as many draws from the prior, and return its loss in nats.

        The loss is ``-log D(z_prior) - log(1 - D(z))``, averaged over the minibatch: 2 log 2 = 1.39 if the two cannot
        be distinguished.
        """
        from_prior = self.model.sample_prior(len(z), self.generator)
        loss = (softplus(-self.log_odds(from_prior)) + softplus(self.log_odds(z))).mean()
        self.adversary.zero_grad()
        loss.backward()
        self.adversary.step()
        return loss.detach()

    def log_odds(self, z: Tensor) -> Tensor:
        """The log odds ``log D(z) - log(1 - D(z))`` that z [M, d] comes from the prior, not the encoder: [M] nats."""
        log_odds: Tensor = self.discriminator(z).squeeze(-1)
        return log_odds


def perceptron(sizes: tuple[int, ...], like: Tensor, generator: torch.Generator) -> nn.Sequential:
    """Affine layers of the given ``sizes`` with leaky ReLUs between them, on the device and with the dtype of ``like``.

    The weights have He initialisation, except that those of the last layer are zero, so that the discriminator starts
    undecided.
    """
    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(sizes):
        affine = skip_init(nn.Linear, inputs, outputs, device=like.device, dtype=like.dtype)
        nn.init.kaiming_normal_(affine.weight, a=0.2, generator=generator)
        nn.init.zeros_(affine.bias)
        layers += [affine, nn.LeakyReLU(0.2)]
    nn.init.zeros_(affine.weight)
    return nn.Sequential(*layers[:-1])
