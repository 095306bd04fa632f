"""Affine networks: with Gaussian pixels this is probabilistic PCA."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.gaussian import LOG_VARIANCE_LIMIT

REARRANGING = (nn.Flatten, nn.Unflatten, nn.Identity)  # layers that only rearrange values


class AffineGaussian(nn.Module):
    """input -> (affine mean, a log-variance that does not depend on the input)."""

    is_affine = True

    def __init__(self, inputs: int, outputs: int, scales: int) -> None:
        """``scales`` is 1 for a variance shared by all outputs, or ``outputs`` for one variance per output."""
        super().__init__()
        self.mean = nn.Linear(inputs, outputs)
        self.log_variance = nn.Parameter(torch.zeros(scales))

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """[..., inputs] -> mean [..., outputs], log-variance [..., outputs] (expanded, not copied)."""
        mean = self.mean(inputs)
        log_variance = self.log_variance.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)
        return mean, log_variance.expand_as(mean)


class AffineLocation(nn.Module):
    """input -> one affine location per pixel, such as Bernoulli logits or means of unit variance."""

    is_affine = True

    def __init__(self, inputs: int, outputs: int) -> None:
        """Create one weight per pair of input and output, and one bias per output."""
        super().__init__()
        self.location = nn.Linear(inputs, outputs)

    def forward(self, inputs: Tensor) -> tuple[Tensor, None]:
        """[..., inputs] -> location [..., outputs], None."""
        return self.location(inputs), None


def is_affine(network: nn.Module) -> bool:
    """Whether the location is known to be an affine map of the input, with a scale that does not depend on it.

    True for torch's `Linear`, for sequences of such layers, and for any network whose attribute ``is_affine`` is true.

    >>> is_affine(nn.Sequential(nn.Linear(2, 12), nn.Unflatten(-1, (3, 4))))
    True
    >>> is_affine(nn.Sequential(nn.Linear(2, 12), nn.Tanh()))
    False
    """
    if isinstance(network, nn.Sequential):
        return all(isinstance(layer, REARRANGING) or is_affine(layer) for layer in network)
    return isinstance(network, nn.Linear) or bool(getattr(network, "is_affine", False))
