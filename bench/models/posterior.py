"""The contract of q(z|x): what algorithms, estimators and the diagnosis use of an encoder's output."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Self

import torch
from torch import Tensor

ROWS = 30  # of all pairs that are evaluated at once


class Posterior(ABC):
    """q(z|x) for each of N datapoints: draws, a density, and coordinates in which it is standard normal.

    A family defines the abstract methods; the others are derived from them, and may be overridden by exact or faster
    versions.  Shapes: [N, d] stands for any [..., d] with one q for each row, and z may have further dimensions in
    front.
    """

    cheap_pairs: ClassVar[bool] = True  # whether `log_prob_of_pairs` is fast for thousands of datapoints

    mean: Tensor  # [N, d] E_q[z]; a family without a closed form may compute it from draws, the same at each call

    @abstractmethod
    def rsample(self, generator: torch.Generator, num_samples: int | None = None) -> Tensor:
        """Reparameterised draws: [N, d], or [num_samples, N, d] if given."""

    @abstractmethod
    def log_prob(self, z: Tensor) -> Tensor:
        """The normalised log q(z) in nats: [..., N, d] -> [..., N]."""

    @abstractmethod
    def whiten(self, z: Tensor) -> Tensor:
        """The coordinates [..., N, d] of z [..., N, d] that are standard normal if z is a draw from q."""

    @abstractmethod
    def kl_terms(self) -> Tensor:
        """KL(q || N(0, I)) in nats, split by dimension: [N, d].  Their sum is the divergence."""

    @abstractmethod
    def finite(self) -> Self:
        """Those of the N datapoints whose parameters are finite, in double precision if the family allows it."""

    @abstractmethod
    def first(self, count: int) -> Self:
        """The first ``count`` of the N datapoints."""

    def kl_to_standard_normal(self) -> Tensor:
        """KL(q || N(0, I)) in nats: [N]."""
        return self.kl_terms().sum(-1)

    def rsample_with_log_prob(
        self, generator: torch.Generator, num_samples: int | None = None
    ) -> tuple[Tensor, Tensor]:
        """`rsample`, and `log_prob` of these draws: [..., N, d] and [..., N]."""
        z = self.rsample(generator, num_samples)
        return z, self.log_prob(z)

    def rsample_with_kl(self, generator: torch.Generator, num_samples: int) -> tuple[Tensor, Tensor]:
        """`rsample` [K, N, d], and KL(q || N(0, I)) [N] in nats: in closed form, or as its mean over these draws."""
        return self.rsample(generator, num_samples), self.kl_to_standard_normal()

    def log_prob_of_pairs(self, z: Tensor) -> Tensor:
        """log q(z_m|x_n) in nats for z [M, d], up to a constant that is the same for all pairs: [M, N]."""
        num_data = len(self.mean)
        return torch.cat([self.log_prob(part.unsqueeze(1).expand(-1, num_data, -1)) for part in z.split(ROWS)])
