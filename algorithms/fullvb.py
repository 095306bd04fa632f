"""Full variational Bayes: a posterior over the decoder's parameters as well as over z."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.func import functional_call

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.models.gaussian import Gaussian


@dataclass(frozen=True)
class FullVBHyperparameters(Hyperparameters):
    """Options of full variational Bayes."""

    prior: Literal["decoder", "all"] = option(
        "decoder",
        "parameters with the prior N(0, I): the decoder's, whose prior is part of the bound, or the encoder's as well",
    )
    num_samples: int = option(1, "draws of theta per minibatch, each with one z per datapoint (L)", minimum=1)
    initial_scale: float = option(0.01, "initial standard deviation of q(theta)", above=0)


class FullVB(Algorithm):
    """Full variational Bayes: a Gaussian posterior q(theta) over the decoder's parameters as well, with prior N(0, I).

    The objective per datapoint is ``E[log p(x|z, theta)] - KL(q(z|x) || p(z)) - KL(q(theta) || p(theta)) / N`` with
    ``theta = mu + sigma * zeta``: a lower bound on the log evidence of all N datapoints, divided by N. The encoder's
    parameters remain point estimates. Bounds and estimates of log p(x) during and after training use the posterior
    mean, theta = mu; they do not average over q(theta).

    Source: Kingma & Welling 2014, appendix F. The paper draws one zeta per datapoint; here a minibatch shares one: the
    estimate has the same expectation and a larger variance, but needs M times fewer draws of all weights.
    Cost of a step: 2 L M model evaluations.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = FullVB(latent_size=2, model="mlp[hidden=8]", learning_rate=0.02).fit(x, budget=200)
        >>> bool(algorithm.parameter_kl() > 0)
        True
    """

    Options = FullVBHyperparameters
    hyperparameters: FullVBHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the model, whose decoder weights are mu, and log sigma^2 for each of these weights."""
        settings = self.hyperparameters
        self.generator = generator
        self.num_data = problem.num_data
        self.model = problem.model(encoder=True)
        self.log_variances = nn.ParameterList(
            torch.full_like(mean, settings.initial_scale).log().mul(2) for mean in self.model.decoder.parameters()
        )
        theta = [*self.model.decoder.parameters(), *self.log_variances]
        self.optimiser = self.make_optimiser(theta, problem, prior=False)  # the prior of theta is part of the bound
        self.encoder_optimiser = self.make_optimiser(self.model.phi, problem)

    def step(self, batch: Batch) -> StepInfo:
        """Update mu, sigma and phi together by the gradient of the full bound."""
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
        """The lower bound on log p(x|theta) per datapoint, averaged over draws of theta: [M] nats."""
        posterior = self.model.encode(batch.x)
        log_likelihoods = []
        for _ in range(self.hyperparameters.num_samples):
            theta = {name: q.rsample(self.generator) for name, q in self.parameter_posterior()}
            z = posterior.rsample(self.generator)  # [M, d]
            log_likelihoods.append(functional_call(self.model.decoder, theta, (batch.x, z)))
        return torch.stack(log_likelihoods).mean(0) - posterior.kl_to_standard_normal()

    def parameter_kl(self) -> Tensor:
        """KL(q(theta) || N(0, I)), summed over all parameters, in nats (appendix F.1)."""
        return torch.stack([q.kl_terms().sum() for _, q in self.parameter_posterior()]).sum()

    def parameter_posterior(self) -> Iterator[tuple[str, Gaussian]]:
        """Yield q(theta) as pairs of a decoder parameter's name and its Gaussian."""
        for (name, mean), log_variance in zip(self.model.decoder.named_parameters(), self.log_variances, strict=True):
            yield name, Gaussian(mean, log_variance)
