"""The paper's networks: one hidden layer of tanh units (AEVB, appendix C)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from bench.architecture import Architecture, Shape
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.models.initialisation import Biases, draw_weights
from bench.options import option


@dataclass(frozen=True)
class MLPOptions:
    """Options of the `mlp` architecture."""

    hidden: int = option(500, "units in the hidden layer of encoder and decoder", unit="units", minimum=1)
    init_scale: float = option(0.01, "standard deviation of the initial weights and biases", above=0)
    biases: Biases = option("drawn", "initial biases: drawn as the weights are, or zero", added_later=True)


class MLP(Architecture):
    """One hidden layer of tanh units in encoder and decoder, as in the paper.

    All parameters start at N(0, 0.01^2); the paper's 0.01 could also be a variance (``init_scale=0.1``).
    Source: Kingma & Welling 2014, appendix C.

    >>> MLP(hidden=20).options.init_scale
    0.01
    """

    Options = MLPOptions
    options: MLPOptions

    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.decoder_network`."""
        sizes = (shape.latent_size, self.options.hidden, shape.num_pixels)
        network = TanhNetwork(*sizes, scales=shape.observation_model.has_log_variance, squash=shape.squash)
        return draw_weights(network, self.options.init_scale, generator, self.options.biases)

    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.encoder_network`."""
        network = TanhNetwork(shape.num_pixels, self.options.hidden, shape.latent_size, scales=True)
        return draw_weights(network, self.options.init_scale, generator, self.options.biases)
