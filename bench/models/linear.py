"""Affine networks: with a Gaussian likelihood this is probabilistic PCA, whose likelihood is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.models.architecture import Architecture, Shape, draw_weights
from bench.models.gaussian import LOG_VARIANCE_LIMIT
from bench.options import option


@dataclass(frozen=True)
class LinearOptions:
    """What can be set of the `linear` architecture."""

    init_scale: float = option(0.01, "standard deviation of the initial weights and biases", above=0)


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


class Linear(Architecture):
    """Affine decoder and encoder: probabilistic PCA with a Gaussian likelihood, logistic PCA with a Bernoulli one.

    With ``likelihood=gaussian``, ``x ~ N(b, W W^T + s^2 I)`` exactly.  Source: Tipping & Bishop 1999.
    """

    Options = LinearOptions
    options: LinearOptions

    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.decoder_network`."""
        network: nn.Module
        if shape.likelihood == "gaussian":
            network = AffineGaussian(shape.latent_size, shape.num_pixels, scales=1)
        else:
            network = AffineLocation(shape.latent_size, shape.num_pixels)
        return draw_weights(network, self.options.init_scale, generator)

    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.encoder_network`."""
        network = AffineGaussian(shape.num_pixels, shape.latent_size, scales=shape.latent_size)
        return draw_weights(network, self.options.init_scale, generator)
