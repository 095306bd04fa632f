"""The paper's networks: one hidden layer of tanh units, or more if requested (AEVB, appendix C)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from bench.architecture import Architecture, Shape
from bench.models.by_hand.tanh_network import TanhNetwork
from bench.models.initialisation import Biases, draw_glorot_weights, draw_weights
from bench.options import option


@dataclass(frozen=True)
class MLPOptions:
    """Options of the `mlp` architecture."""

    hidden: int = option(500, "units in each hidden layer of encoder and decoder", unit="units", minimum=1)
    layers: int = option(1, "hidden layers of encoder and of decoder", minimum=1, added_later=True)
    init_scale: float | Literal["glorot"] = option(
        0.01,
        "standard deviation of the initial weights and biases; glorot: weights uniform within "
        "sqrt(6 / (inputs + outputs)), biases 0",
        above=0,
    )
    biases: Biases = option("drawn", "initial biases: drawn as the weights are, or zero", added_later=True)


class MLP(Architecture):
    """Hidden layers of tanh units in encoder and decoder; by default one, as in the paper.

    All parameters are initialised from N(0, 0.01^2); the paper's 0.01 could also be a variance (``init_scale=0.1``).
    ``mlp[hidden=200,layers=2,init_scale=glorot]`` gives the networks of Burda et al. 2016 for one stochastic layer.
    Sources: Kingma & Welling 2014, appendix C; Glorot & Bengio 2010, equation 16.

    >>> MLP(hidden=20).options.init_scale
    0.01
    """

    Options = MLPOptions
    options: MLPOptions

    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.decoder_network`."""
        return self._network(
            shape.latent_size,
            shape.num_pixels,
            generator,
            scales=shape.observation_model.has_log_variance,
            squash=shape.squash,
        )

    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.encoder_network`."""
        return self._network(shape.num_pixels, shape.latent_size, generator, scales=True)

    def _network(
        self, inputs: int, outputs: int, generator: torch.Generator, *, scales: bool, squash: bool = False
    ) -> nn.Module:
        """inputs -> hidden layers -> location and, if ``scales``, log-variance."""
        hidden = self.options.hidden
        first: list[nn.Module] = []
        for _ in range(self.options.layers - 1):
            first += [nn.Linear(inputs, hidden), nn.Tanh()]
            inputs = hidden
        last = TanhNetwork(inputs, hidden, outputs, scales=scales, squash=squash)
        network = nn.Sequential(*first, last) if first else last
        if self.options.init_scale == "glorot":
            return draw_glorot_weights(network, generator)
        return draw_weights(network, self.options.init_scale, generator, self.options.biases)
