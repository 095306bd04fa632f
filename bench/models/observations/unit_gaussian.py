"""Gaussian pixels of variance 1."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.models.gaussian import LOG_2PI
from bench.models.observation import ObservationModel


class UnitGaussian(ObservationModel):
    """Each pixel is Gaussian with variance 1 (identity covariance); the network outputs its mean.

    >>> import torch
    >>> UnitGaussian().log_prob(torch.zeros(1, 2), torch.ones(1, 2), None)  # 1 less than at the mean
    tensor([-2.8379])
    """

    location_is = "mean"

    def log_prob(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.log_prob`."""
        return -0.5 * ((x - location).square().sum(-1) + x.shape[-1] * LOG_2PI)

    def log_prob_of_pairs(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.log_prob_of_pairs`; in float64, since the squares are expanded."""
        values, mean = x.double(), location.double()
        of_outputs = mean.square().sum(-1) + x.shape[-1] * LOG_2PI
        squares = values.square() @ torch.ones_like(mean).T - 2 * values @ mean.T
        return (-0.5 * (squares + of_outputs)).to(x)

    def score(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `ObservationModel.score`."""
        return x - location, None

    def mean(self, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.mean`."""
        return location

    def sample(self, location: Tensor, log_variance: Tensor | None, generator: torch.Generator) -> Tensor:
        """See `ObservationModel.sample`."""
        noise = torch.randn(location.shape, generator=generator, device=location.device, dtype=location.dtype)
        return location + noise

    def gaussian_variance(self, location: Tensor, log_variance: Tensor | None) -> Tensor | None:
        """See `ObservationModel.gaussian_variance`."""
        return torch.ones_like(location)
