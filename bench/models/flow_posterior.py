"""q(z|x) as a Gaussian that a flow has bent, and the encoder that gives it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from bench.models.encoder import Encoder
from bench.models.flows import Flow
from bench.models.gaussian import Gaussian, standard_normal_log_prob
from bench.models.posterior import Posterior

NUM_PAIRS = 64  # antithetic pairs of draws from which moments without a closed form are computed


class Moments(NamedTuple):
    """Moments of q for each of N datapoints, from draws that are the same at each call and for each datapoint."""

    mean: Tensor  # [N, d]
    variance: Tensor  # [N, d]
    kl: Tensor  # [N] KL(q || N(0, I)), nats


@dataclass(frozen=True)
class FlowPosterior(Posterior):
    """The distribution of ``flow(e)`` for e drawn from a diagonal Gaussian ``base``, given ``features`` [N, c] of x.

    ``log q(z) = log base(e) - log |det dz/de|`` where e is the inverse image of z.  Mean and KL divergence have no
    closed form, and are computed from fixed draws.
    Source: Rezende & Mohamed 2015, section 3.
    """

    cheap_pairs: ClassVar[bool] = False

    base: Gaussian
    features: Tensor
    flow: Flow

    @property
    def mean(self) -> Tensor:  # type: ignore[override]  # mypy takes the contract's attribute for one that can be set
        """E_q[z] from fixed draws: [N, d]."""
        return self._moments.mean

    def rsample(self, generator: torch.Generator, num_samples: int | None = None) -> Tensor:
        """See `Posterior.rsample`."""
        return self._moved(self.base.rsample(generator, num_samples))[0]

    def rsample_with_log_prob(
        self, generator: torch.Generator, num_samples: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """See `Posterior.rsample_with_log_prob`; the flow need not be inverted."""
        drawn = self.base.rsample(generator, num_samples)
        z, log_det = self._moved(drawn)
        return z, self.base.log_prob(drawn) - log_det

    def rsample_with_kl(self, generator: torch.Generator, num_samples: int) -> tuple[Tensor, Tensor]:
        """See `Posterior.rsample_with_kl`: the mean of ``log q(z) - log p(z)``."""
        z, log_q = self.rsample_with_log_prob(generator, num_samples)
        return z, (log_q - standard_normal_log_prob(z)).mean(0)

    def log_prob(self, z: Tensor) -> Tensor:
        """See `Posterior.log_prob`."""
        drawn, log_det = self.flow.inverse(z, self._features_for(z))
        return self.base.log_prob(drawn) - log_det

    def whiten(self, z: Tensor) -> Tensor:
        """See `Posterior.whiten`."""
        return self.base.whiten(self.flow.inverse(z, self._features_for(z))[0])

    def kl_terms(self) -> Tensor:
        """See `Posterior.kl_terms`: those of a Gaussian with the same mean and variance in each dimension.

        The contribution of correlations and of the shape of q, which belongs to no single dimension, is divided
        equally.
        """
        moments = self._moments
        terms = Gaussian(moments.mean, moments.variance.log()).kl_terms()
        return terms + (moments.kl - terms.sum(-1)).unsqueeze(-1) / terms.shape[-1]

    def kl_to_standard_normal(self) -> Tensor:
        """See `Posterior.kl_to_standard_normal`."""
        return self._moments.kl

    def finite(self) -> FlowPosterior:
        """See `Posterior.finite`; in the precision of the flow."""
        outputs = torch.cat([self.base.mean, self.base.log_variance, self.features], -1)
        return self._of(torch.isfinite(outputs).all(-1))

    def first(self, count: int) -> FlowPosterior:
        """See `Posterior.first`."""
        return self._of(slice(count))

    def _of(self, rows: Tensor | slice) -> FlowPosterior:
        return FlowPosterior(
            Gaussian(self.base.mean[rows], self.base.log_variance[rows]), self.features[rows], self.flow
        )

    def _moved(self, drawn: Tensor) -> tuple[Tensor, Tensor]:
        moved, log_det = self.flow(drawn, self._features_for(drawn))
        return moved, log_det

    def _features_for(self, z: Tensor) -> Tensor:
        return self.features.expand(*z.shape[:-1], self.features.shape[-1])

    @cached_property
    def _moments(self) -> Moments:
        mean, deviation = self.base.mean, (0.5 * self.base.log_variance).exp()
        stream = torch.Generator().manual_seed(0)
        half = torch.randn(NUM_PAIRS, mean.shape[-1], generator=stream, device="cpu").to(mean)
        sums = torch.zeros_like(mean), torch.zeros_like(mean), torch.zeros_like(mean[..., 0])
        for noise in torch.cat([half, -half]):
            drawn = mean + deviation * noise
            z, log_det = self._moved(drawn)
            log_ratio = self.base.log_prob(drawn) - log_det - standard_normal_log_prob(z)
            sums = sums[0] + z, sums[1] + z.square(), sums[2] + log_ratio
        first, second, kl = (each / (2 * NUM_PAIRS) for each in sums)
        return Moments(first, second - first.square(), kl)


class FlowEncoder(Encoder):
    """q(z|x) as a `FlowPosterior`: the network outputs the Gaussian, and features of x that the flow depends on.

    >>> from bench.models.affine import AffineGaussian
    >>> from bench.models.flows import Planar
    >>> encoder = FlowEncoder(AffineGaussian(5, 2 + 3, scales=5), Planar(2, 3), latent_size=2)
    >>> encoder(torch.zeros(4, 5)).rsample(torch.Generator()).shape
    torch.Size([4, 2])
    """

    def __init__(self, network: nn.Module, flow: Flow, latent_size: int) -> None:
        """``network`` maps x [..., D] to a mean and a log-variance [..., d + c]; its last c means are the features."""
        super().__init__(network)
        self.flow = flow
        self.latent_size = latent_size

    def forward(self, x: Tensor) -> FlowPosterior:
        """The posterior approximation for each row of x: [..., D]."""
        mean, log_variance = self.network(x)
        d = self.latent_size
        return FlowPosterior(Gaussian(mean[..., :d], log_variance[..., :d]), mean[..., d:], self.flow)
