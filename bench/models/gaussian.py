"""The diagonal Gaussian, as posterior q(z|x) and as prior p(z)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.models.posterior import Posterior

LOG_2PI = math.log(2 * math.pi)

# Without bounds, exp() of a log-variance can overflow within a few updates; standard deviations from e^-7 to e^7 are a
# wider range than any latent variable or pixel needs, so that the bounds are never reached in a healthy run.
LOG_VARIANCE_LIMIT = 14.0


def standard_normal_log_prob(z: Tensor) -> Tensor:
    """log N(z; 0, I) in nats, summed over the last axis: [..., d] -> [...]."""
    return -0.5 * (z.square().sum(-1) + z.shape[-1] * LOG_2PI)


@dataclass(frozen=True)
class Gaussian(Posterior):
    """N(mean, diag(exp(log_variance))), one per datapoint; both parameters are [..., d].

    >>> Gaussian(torch.ones(1, 2), torch.zeros(1, 2)).kl_to_standard_normal()
    tensor([1.])
    """

    mean: Tensor
    log_variance: Tensor

    def rsample(self, generator: torch.Generator, num_samples: int | None = None) -> Tensor:
        """See `Posterior.rsample`: ``mean + sd * epsilon``."""
        shape = self.mean.shape if num_samples is None else (num_samples, *self.mean.shape)
        epsilon = torch.randn(shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype)
        return torch.addcmul(self.mean, (0.5 * self.log_variance).exp(), epsilon)

    def log_prob(self, z: Tensor) -> Tensor:
        """log q(z) in nats, summed over the last axis: [..., d] -> [...]."""
        squares = (z - self.mean).square() * (-self.log_variance).exp()
        return -0.5 * ((squares + self.log_variance).sum(-1) + z.shape[-1] * LOG_2PI)

    def kl_terms(self) -> Tensor:
        """KL(q_j || N(0, 1)) in nats for each dimension: [..., d] (AEVB, appendix B, negated)."""
        return 0.5 * (self.mean.square() + self.log_variance.exp() - 1 - self.log_variance)

    def whiten(self, z: Tensor) -> Tensor:
        """See `Posterior.whiten`: the distance from the mean in standard deviations."""
        return (z - self.mean) * (-0.5 * self.log_variance).exp()

    def finite(self) -> Gaussian:
        """See `Posterior.finite`."""
        rows = torch.isfinite(self.mean).all(-1) & torch.isfinite(self.log_variance).all(-1)
        return Gaussian(self.mean[rows].double(), self.log_variance[rows].double())

    def first(self, count: int) -> Gaussian:
        """See `Posterior.first`."""
        return Gaussian(self.mean[:count], self.log_variance[:count])

    def log_prob_of_pairs(self, z: Tensor) -> Tensor:
        """See `Posterior.log_prob_of_pairs`: two matrix products."""
        precision = (-self.log_variance).exp()  # [N, d]
        constant = -0.5 * (self.mean.square() * precision + self.log_variance).sum(-1)  # [N]
        return constant - 0.5 * z.square() @ precision.T + z @ (self.mean * precision).T
