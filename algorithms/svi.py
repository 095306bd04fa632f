"""Stochastic variational inference: variational parameters for each datapoint, no encoder."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from bench import Algorithm, Batch, Hyperparameters, Problem, StepInfo, option
from bench.likelihood.local import natural_step
from bench.models.frozen import frozen
from bench.models.gaussian import Gaussian


@dataclass(frozen=True)
class SVIHyperparameters(Hyperparameters):
    """Options of stochastic variational inference."""

    num_updates: int = option(5, "updates of a datapoint's q before each update of the weights (T)", minimum=1)
    num_pairs: int = option(1, "antithetic pairs of draws of z per update of q (P)", minimum=1)
    local_rate: float = option(0.2, "share of a natural-gradient step that an update of q makes", above=0, maximum=1)
    num_samples: int = option(1, "draws of z per datapoint for the update of the weights (L)", minimum=1)


class SVI(Algorithm):
    """Stochastic variational inference: each training datapoint has its own Gaussian q, kept between visits.

    A step first ascends the lower bound of each datapoint in the minibatch with respect to its own mean and precision,
    by natural gradients, and then the mean of these bounds with respect to theta. There is no amortisation gap, but
    what is learned about one datapoint does not help any other, and q(z) lags behind the weights if a pass through the
    data is long.

    New datapoints have no q because the model has no encoder, so no lower bound on test data is reported, and log p(x)
    is estimated as for `mcem`. The diagnosis of a run fits a Gaussian to each test datapoint, as this algorithm would.
    The reported objective is the lower bound on the training data in the minibatch, after the updates of q.

    Source: Hoffman, Blei, Wang & Paisley 2013, with natural gradients estimated from draws instead of in closed form
    (Khan & Rue 2023, "The Bayesian learning rule"); the baseline of Kim et al. 2018, who restart q at each visit.
    Cost of a step: M (4 P T + 2 L) model evaluations.

    Example:
        >>> import torch
        >>> x = torch.bernoulli(torch.full((100, 6), 0.3), generator=torch.Generator().manual_seed(0))
        >>> algorithm = SVI(latent_size=2, model="mlp[hidden=8]", learning_rate=0.02).fit(x, budget=200)
        >>> algorithm.posterior.mean.shape, algorithm.model.encoder is None
        (torch.Size([100, 2]), True)
    """

    Options = SVIHyperparameters
    hyperparameters: SVIHyperparameters

    def setup(self, problem: Problem, generator: torch.Generator) -> None:
        """Build the decoder and its optimiser; each datapoint's q starts as the prior."""
        self.generator = generator
        self.model = problem.model(encoder=False)
        self.optimiser = self.make_optimiser(self.model.parameters(), problem)
        self.mean = problem.x.new_zeros(problem.num_data, problem.latent_size)
        self.precision = torch.ones_like(self.mean)

    @property
    def posterior(self) -> Gaussian:
        """q(z) of all training datapoints: [N, d]."""
        return Gaussian(self.mean, -self.precision.log())

    def step(self, batch: Batch) -> StepInfo:
        """Update q for each datapoint in the minibatch, then theta."""
        settings = self.hyperparameters
        self.update_posteriors(batch)
        posterior = Gaussian(self.mean[batch.index], -self.precision[batch.index].log())
        z = posterior.rsample(self.generator, settings.num_samples)  # [L, M, d]
        self.optimiser.zero_grad()
        log_joint = self.model.log_joint_backward(batch.x, z)
        self.optimiser.step()
        evaluations = 4 * settings.num_pairs * settings.num_updates + 2 * settings.num_samples
        return StepInfo((log_joint - posterior.log_prob(z)).mean(), evaluations * len(batch.x))

    def update_posteriors(self, batch: Batch) -> None:
        """Move the mean and precision of each datapoint in the minibatch by natural gradients of its bound."""
        settings, index = self.hyperparameters, batch.index
        mean, precision = self.mean[index], self.precision[index]
        with frozen(self.model):  # the bound of the model without dropout
            for _ in range(settings.num_updates):
                mean, precision = natural_step(
                    self.model,
                    batch.x,
                    mean,
                    precision,
                    self.generator,
                    num_pairs=settings.num_pairs,
                    rate=settings.local_rate,
                )
        self.mean[index], self.precision[index] = mean, precision
