"""Proposals for importance sampling: the distributions of z over which p(x) is averaged."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from bench.likelihood.full_gaussian import FullGaussian
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel
from bench.models.posterior import Posterior


class Proposal(ABC):
    """A distribution over z for each of N datapoints."""

    @abstractmethod
    def sample(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """Independent draws: [num_samples, N, d]."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """The normalised log density in nats: [..., N, d] -> [..., N]."""


class PriorProposal(Proposal):
    """p(z), the same for every datapoint."""

    def __init__(self, model: LatentVariableModel, num_data: int) -> None:
        """``num_data`` is N."""
        self.model = model
        self.num_data = num_data

    def sample(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """See `Proposal.sample`."""
        return self.model.sample_prior(num_samples * self.num_data, generator).view(num_samples, self.num_data, -1)

    def log_prob(self, z: Tensor) -> Tensor:
        """See `Proposal.log_prob`."""
        return self.model.log_prior(z)


class EncoderProposal(Proposal):
    """The encoder's q(z|x)."""

    def __init__(self, posterior: Posterior) -> None:
        """``posterior`` is the encoder's, for N datapoints."""
        self.posterior = posterior

    def sample(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """See `Proposal.sample`."""
        return self.posterior.rsample(generator, num_samples)

    def log_prob(self, z: Tensor) -> Tensor:
        """See `Proposal.log_prob`."""
        return self.posterior.log_prob(z)


class Component(NamedTuple):
    """A Gaussian near one mode of some posteriors, and its contribution to p(x)."""

    rows: Tensor  # [n] which of N datapoints
    gaussian: FullGaussian  # for these n
    log_mass: Tensor  # [n] log of the integral of p(x, z) near the mode, nats


class DefensiveMixture(Proposal):
    """A Student t around each of several Gaussians, mixed with the prior.

    The tails of the t bound the weights near the fitted modes.  The prior covers modes that were not found: no weight
    exceeds ``p(x|z) / PRIOR_SHARE``, at the price of that share of the effective sample size.  Source: Hesterberg 1995,
    "Weighted average importance sampling and defensive mixture distributions".
    """

    DEGREES = 8  # even: a chi-square draw is then a sum of DEGREES / 2 exponential draws
    PRIOR_SHARE = 0.1
    LEAST_SHARE = 0.1  # of each component, relative to an estimated share of 1: the mass of a mode is a rough estimate

    def __init__(self, components: Sequence[Component], model: LatentVariableModel) -> None:
        """The first of the ``components`` must cover all N datapoints, in order; ``model`` provides the prior."""
        self.components = components
        self.model = model
        first = components[0].log_mass
        self.log_mass = first.new_full((len(components), len(first)), -math.inf)  # [M, N]
        least = torch.zeros_like(self.log_mass)
        for m, (rows, _, log_mass) in enumerate(components):
            self.log_mass[m, rows], least[m, rows] = log_mass, self.LEAST_SHARE
        shares = self.log_mass.softmax(0).nan_to_num(0.0) + least  # not a number if no mass is finite
        self.shares = shares / shares.sum(0)

    @classmethod
    def around(cls, posterior: Gaussian, model: LatentVariableModel) -> DefensiveMixture:
        """Around a diagonal Gaussian [N, d]."""
        deviation = (0.5 * posterior.log_variance).exp()
        gaussian = FullGaussian(posterior.mean, deviation.diag_embed(), (1 / deviation).diag_embed())
        rows = torch.arange(len(deviation), device=deviation.device)
        return cls([Component(rows, gaussian, torch.zeros_like(deviation[:, 0]))], model)

    def sample(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """See `Proposal.sample`."""
        mean = self.components[0].gaussian.mean
        noise = mean.new_empty(num_samples, *mean.shape).normal_(generator=generator)
        uniform = mean.new_empty(num_samples, len(mean), self.DEGREES // 2 + 1).uniform_(generator=generator)
        prior = self.model.sample_prior(num_samples * len(mean), generator).view_as(noise)
        chi_square = -2 * uniform[..., 1:].log().sum(-1, keepdim=True)
        noise = noise * (self.DEGREES / chi_square).sqrt()
        place = (uniform[..., :1] - self.PRIOR_SHARE) / (1 - self.PRIOR_SHARE)  # below 0 for the prior
        return torch.where(place < 0, prior, self.unwhiten(noise, place))

    def unwhiten(self, noise: Tensor, place: Tensor) -> Tensor:
        """Draws of the components from ``noise`` [S, N, d], the components chosen by ``place`` [S, N, 1] in [0, 1)."""
        draws = self.components[0].gaussian.unwhiten(noise)
        below = self.shares.cumsum(0).unsqueeze(-1)  # [M, N, 1]
        for m, (rows, gaussian, _) in enumerate(self.components[1:], 1):
            from_here = place[:, rows] >= below[m - 1, rows]  # or from a later one, which overwrites it
            draws[:, rows] = torch.where(from_here, gaussian.unwhiten(noise[:, rows]), draws[:, rows])
        return draws

    def log_prob(self, z: Tensor) -> Tensor:
        """See `Proposal.log_prob`."""
        students = self.log_density(self._log_student, z) + math.log1p(-self.PRIOR_SHARE)
        return torch.logaddexp(students, self.model.log_prior(z) + math.log(self.PRIOR_SHARE))

    def log_density(self, of_each: Callable[[FullGaussian, Tensor], Tensor], z: Tensor) -> Tensor:
        """The log density [..., N] of the components at z [..., N, d], given that of each around its Gaussian."""
        log_shares = self.shares.log()
        total = of_each(self.components[0].gaussian, z) + log_shares[0]
        for log_share, (rows, gaussian, _) in zip(log_shares[1:], self.components[1:], strict=True):
            more = of_each(gaussian, z[..., rows, :]) + log_share[rows]
            total = total.index_copy(-1, rows, torch.logaddexp(total[..., rows], more))
        return total

    def _log_student(self, gaussian: FullGaussian, z: Tensor) -> Tensor:
        """The normalised log density of the t around a Gaussian: [..., n, d] -> [..., n]."""
        nu, d = self.DEGREES, z.shape[-1]
        constant = math.lgamma((nu + d) / 2) - math.lgamma(nu / 2) - 0.5 * d * math.log(nu * math.pi)
        tails = 0.5 * (nu + d) * (gaussian.square_distance(z) / nu).log1p()
        return constant - gaussian.log_det - tails


class StratifiedMixture(Proposal):
    """Starting points of a few annealed chains: Gaussians slightly wider than the fitted ones, and some prior draws.

    Annealing does not need heavy tails.  If chains start in the tails of a t, a few rare chains have a very low weight
    and all others a slightly too high one: with 16 chains, the spread of the weights did not reveal this, and with 50
    latent dimensions the error was four times as large.  If they start from the fitted Gaussian itself, nearly all
    weights are equal if the posterior is Gaussian, with the same effect; widening the variance by
    a factor of ``1 + EXCESS / sqrt(d)`` gives the weights a spread that does not depend on d.

    The number of chains from the prior is fixed, and larger than their share.  If it varied, most estimates would be
    slightly too high and the others much too low.  With a larger share, these few chains, whose weights vary most,
    would dominate the error.  Likewise, each component gets its share of the other chains, rounded up or down
    (systematic sampling).  Standard errors do not take this into account, and are too large if components differ in
    weight.
    """

    PRIOR_SHARE = 0.001
    EXCESS = 0.4

    def __init__(self, mixture: DefensiveMixture, num_chains: int) -> None:
        """``num_chains`` draws per datapoint will be requested; if fewer than 8, none is taken from the prior."""
        self.mixture = mixture
        self.num_prior = max(2, round(num_chains / 8)) if num_chains >= 8 else 0  # 2 are needed for their spread
        self.scale = math.sqrt(1 + self.EXCESS / math.sqrt(mixture.model.latent_size))

    def sample(self, num_samples: int, generator: torch.Generator) -> Tensor:
        """See `Proposal.sample`; the first ``num_prior`` are those from the prior."""
        mean, model = self.mixture.components[0].gaussian.mean, self.mixture.model
        num_prior = min(self.num_prior, num_samples)
        num_others = num_samples - num_prior
        prior = model.sample_prior(num_prior * len(mean), generator).view(num_prior, *mean.shape)
        noise = mean.new_empty(num_others, *mean.shape).normal_(generator=generator)
        offset = mean.new_empty(len(mean), 1).uniform_(generator=generator)
        place = (torch.arange(num_others, device=mean.device).view(-1, 1, 1) + offset) / num_others
        return torch.cat([prior, self.mixture.unwhiten(self.scale * noise, place)])

    def log_prob(self, z: Tensor) -> Tensor:
        """See `Proposal.log_prob`."""
        wide = self.mixture.log_density(self._log_gaussian, z)
        if not self.num_prior:
            return wide
        share = self.PRIOR_SHARE
        return torch.logaddexp(wide + math.log1p(-share), self.mixture.model.log_prior(z) + math.log(share))

    def _log_gaussian(self, gaussian: FullGaussian, z: Tensor) -> Tensor:
        """The normalised log density of the wider Gaussian: [..., n, d] -> [..., n]."""
        square_distance, d = gaussian.square_distance(z) / self.scale**2, z.shape[-1]
        return -0.5 * d * math.log(2 * math.pi) - d * math.log(self.scale) - gaussian.log_det - 0.5 * square_distance

    def log_factors(self, log_weights: Tensor) -> Tensor:
        """The correction to add to log weights [K, N] of chains so that their mean is again that of the mixture."""
        num_chains, share = len(log_weights), self.PRIOR_SHARE if self.num_prior else 0.0
        factors = torch.full_like(log_weights[:, :1], (1 - share) * num_chains / (num_chains - self.num_prior))
        factors[: self.num_prior] = share * num_chains / max(1, self.num_prior)
        return factors.log()
