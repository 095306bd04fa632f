"""Affine networks: with a Gaussian observation model this is probabilistic PCA."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.gaussian import LOG_VARIANCE_LIMIT


class AffineGaussian(nn.Module):
    """input -> (affine mean, a log-variance that does not depend on the input)."""

    def __init__(self, inputs: int, outputs: int, scales: int) -> None:
        """``scales`` is 1 for one variance shared by all outputs, or ``outputs`` for one each."""
        super().__init__()
        self.mean = nn.Linear(inputs, outputs)
        self.log_variance = nn.Parameter(torch.zeros(scales))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """[..., inputs] -> mean [..., outputs], log-variance [..., outputs] (expanded, not copied)."""
        mean = self.mean(inputs)
        log_variance = self.log_variance.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)
        return mean, log_variance.expand_as(mean)


class AffineLocation(nn.Module):
    """input -> one affine value a pixel: Bernoulli logits, or means of unit variance."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """A weight for each pair of input and output, and a bias."""
        super().__init__()
        self.location = nn.Linear(inputs, outputs)

    def forward(self, inputs: Tensor) -> tuple[Tensor, None]:
        """[..., inputs] -> location [..., outputs], None."""
        return self.location(inputs), None
