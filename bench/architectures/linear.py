"""Affine networks: with Gaussian pixels this is probabilistic PCA, whose log p(x) is known exactly."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from bench.architecture import Architecture, Shape
from bench.models.affine import AffineGaussian, AffineLocation
from bench.models.initialisation import Biases, draw_weights
from bench.options import option


@dataclass(frozen=True)
class LinearOptions:
    """Options of the `linear` architecture."""

    init_scale: float = option(0.01, "standard deviation of the initial weights and biases", above=0)
    biases: Biases = option("drawn", "initial biases: drawn as the weights are, or zero", added_later=True)


class Linear(Architecture):
    """Affine decoder and encoder: probabilistic PCA with Gaussian pixels, logistic PCA with Bernoulli ones.

    With ``--decoder gaussian``, ``x ~ N(b, W W^T + s^2 I)`` exactly.  Source: Tipping & Bishop 1999.

    >>> Linear(init_scale=0.1).options.init_scale
    0.1
    """

    Options = LinearOptions
    options: LinearOptions

    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.decoder_network`."""
        network: nn.Module
        if shape.observation_model.has_log_variance:
            network = AffineGaussian(shape.latent_size, shape.num_pixels, scales=1)
        else:
            network = AffineLocation(shape.latent_size, shape.num_pixels)
        return draw_weights(network, self.options.init_scale, generator, self.options.biases)

    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.encoder_network`."""
        network = AffineGaussian(shape.num_pixels, shape.latent_size, scales=shape.latent_size)
        return draw_weights(network, self.options.init_scale, generator, self.options.biases)
