"""Full variational Bayes: a posterior over the decoder's parameters as well as over z."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.models.gaussian import Gaussian


@dataclass(frozen=True)
class FullVBHyperparameters(Hyperparameters):
    """What can be set of full variational Bayes."""

    prior: bool = option(
        True, "N(0, I) prior on the encoder's parameters, a weight decay of 1/N; the decoder's is in the bound, always"
    )
    num_samples: int = option(1, "draws of theta for a minibatch, each with a z for every datapoint (L)", minimum=1)
    initial_scale: float = option(0.01, "standard deviation that q(theta) starts with", above=0)


class FullVB(Algorithm):
    """Full variational Bayes: a Gaussian posterior q(theta) over the decoder's parameters too, prior N(0, I).

    Ascends, for each of N datapoints, ``E[log p(x|z, theta)] - KL(q(z|x) || p(z)) - KL(q(theta) || p(theta)) / N``
    with ``theta = mu + sigma * zeta``; that is its objective, a lower bound on the log evidence of the N datapoints,
    divided by N.  The encoder's parameters stay point estimates.  The model that estimators judge, and whose bound is
    followed, has theta = mu, the posterior mean: no average over q(theta) is taken.

    Source: Kingma & Welling 2014, appendix F.  There each datapoint has a zeta of its own; here all of a minibatch
    share one, which has the same expectation, more variance, and costs M times fewer draws of all weights.
    Cost of a step: 2 L M model evaluations.
    """

    Options = FullVBHyperparameters
    hyperparameters: FullVBHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Encoder and decoder, whose weights are mu, and log sigma^2 for each of the decoder's weights."""
        settings = self.hyperparameters
        self.generator = generator
        self.num_data = problem.num_data
        self.model = problem.model(encoder=True)
        self.log_variances = nn.ParameterList(
            torch.full_like(mean, settings.initial_scale).log().mul(2) for mean in self.model.decoder.parameters()
        )
        theta = [*self.model.decoder.parameters(), *self.log_variances]
        phi = [weight for name, weight in self.model.named_parameters() if name.startswith("encoder.")]
        self.optimiser = self.make_optimiser(theta, problem, prior=False)  # theta's prior is in the bound
        self.encoder_optimiser = self.make_optimiser(phi, problem)

    def step(self, batch: Batch) -> StepInfo:
        """One ascent of the full bound in mu, sigma and phi together."""
        kl = self.parameter_kl()
        bound = self.expected_bound(batch).mean() - kl / self.num_data
        self.optimiser.zero_grad()
        self.encoder_optimiser.zero_grad()
        (-bound).backward()
        self.optimiser.step()
        self.encoder_optimiser.step()
        return StepInfo(
            bound.detach(),
            model_evaluations=2 * self.hyperparameters.num_samples * len(batch.x),
            diagnostics={"parameter_kl": kl.detach() / self.num_data},
        )

    def expected_bound(self, batch: Batch) -> Tensor:
        """The bound on log p(x|theta) for each datapoint of the batch, averaged over draws of theta: [M] nats."""
        posterior = self.model.encode(batch.x)
        log_likelihoods = []
        for _ in range(self.hyperparameters.num_samples):
            theta = {name: q.rsample(self.generator) for name, q in self.parameter_posterior()}
            z = posterior.rsample(self.generator)  # [M, d]
            log_likelihoods.append(functional_call(self.model.decoder, theta, (batch.x, z)))
        return torch.stack(log_likelihoods).mean(0) - posterior.kl_to_standard_normal()

    def parameter_kl(self) -> Tensor:
        """KL(q(theta) || N(0, I)) in nats, all of it (appendix F.1)."""
        return torch.stack([q.kl_terms().sum() for _, q in self.parameter_posterior()]).sum()

    def parameter_posterior(self) -> Iterator[tuple[str, Gaussian]]:
        """q(theta), one tensor of the decoder's parameters after the other, by name."""
        for (name, mean), log_variance in zip(self.model.decoder.named_parameters(), self.log_variances, strict=True):
            yield name, Gaussian(mean, log_variance)
