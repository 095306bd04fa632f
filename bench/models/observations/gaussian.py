"""Gaussian pixels whose variance is also an output of the network."""

from __future__ import annotations

import torch
from torch import Tensor

from bench.models.gaussian import LOG_2PI
from bench.models.observation import ObservationModel


class Gaussian(ObservationModel):
    """Each pixel is Gaussian; the network outputs its mean and its log-variance.

    >>> import torch
    >>> zero = torch.zeros(1, 2)
    >>> Gaussian().log_prob(zero, zero, zero)  # twice -log(2 pi) / 2
    tensor([-1.8379])
    """

    has_log_variance = True
    location_is = "mean"

    def log_prob(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.log_prob`."""
        log_variance = _given(log_variance)
        squares = (x - location).square()
        return -0.5 * ((squares * (-log_variance).exp() + log_variance).sum(-1) + x.shape[-1] * LOG_2PI)

    def log_prob_of_pairs(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.log_prob_of_pairs`; in float64, since the squares are expanded."""
        values, mean, log_variance = x.double(), location.double(), _given(log_variance).double()
        precision = (-log_variance).exp()
        of_outputs = (mean.square() * precision + log_variance).sum(-1) + x.shape[-1] * LOG_2PI
        squares = values.square() @ precision.T - 2 * values @ (mean * precision).T
        return (-0.5 * (squares + of_outputs)).to(x)

    def score(self, x: Tensor, location: Tensor, log_variance: Tensor | None) -> tuple[Tensor, Tensor | None]:
        """See `ObservationModel.score`."""
        residual = x - location
        scaled = residual * (-_given(log_variance)).exp()
        return scaled, 0.5 * (residual * scaled - 1)

    def mean(self, location: Tensor, log_variance: Tensor | None) -> Tensor:
        """See `ObservationModel.mean`."""
        return location

    def sample(self, location: Tensor, log_variance: Tensor | None, generator: torch.Generator) -> Tensor:
        """See `ObservationModel.sample`."""
        noise = torch.randn(location.shape, generator=generator, device=location.device, dtype=location.dtype)
        return location + noise * (0.5 * _given(log_variance)).exp()

    def gaussian_variance(self, location: Tensor, log_variance: Tensor | None) -> Tensor | None:
        """See `ObservationModel.gaussian_variance`."""
        return _given(log_variance).exp()


def _given(log_variance: Tensor | None) -> Tensor:
    """The log-variance; raises ValueError if the network did not output one."""
    if log_variance is None:
        raise ValueError("gaussian needs a network that outputs (mean, log-variance): use unit_gaussian for one mean.")
    return log_variance
