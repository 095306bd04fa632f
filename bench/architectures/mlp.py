"""The paper's networks: one hidden layer of tanh units (AEVB, appendix C)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.architecture import Architecture, Shape
from bench.models.gaussian import LOG_VARIANCE_LIMIT
from bench.models.initialisation import Biases, draw_weights
from bench.options import option


@dataclass(frozen=True)
class MLPOptions:
    """Options of the `mlp` architecture."""

    hidden: int = option(500, "units in the hidden layer of encoder and decoder", unit="units", minimum=1)
    init_scale: float = option(0.01, "standard deviation of the initial weights and biases", above=0)
    biases: Biases = option("drawn", "initial biases: drawn as the weights are, or zero", added_later=True)


class GaussianNetwork(nn.Module):
    """input -> tanh layer -> (mean, log-variance), each an affine map of the hidden layer (appendix C.2)."""

    def __init__(self, inputs: int, hidden: int, outputs: int, *, squash: bool = False) -> None:
        """``squash`` passes the mean through a sigmoid, as the paper does for Frey Face."""
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.heads = nn.Linear(hidden, 2 * outputs)  # both affine maps in one product
        self.squash = squash

    def forward(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """[..., inputs] -> mean [..., outputs], log-variance [..., outputs]."""
        mean, log_variance = self.heads(torch.tanh(self.hidden(inputs))).chunk(2, dim=-1)
        return torch.sigmoid(mean) if self.squash else mean, log_variance.clamp(-LOG_VARIANCE_LIMIT, LOG_VARIANCE_LIMIT)


class LocationNetwork(nn.Module):
    """input -> tanh layer -> one location per pixel, such as Bernoulli logits (appendix C.1)."""

    def __init__(self, inputs: int, hidden: int, outputs: int, *, squash: bool = False) -> None:
        """``squash`` passes the location through a sigmoid."""
        super().__init__()
        self.hidden = nn.Linear(inputs, hidden)
        self.head = nn.Linear(hidden, outputs)
        self.squash = squash

    def forward(self, inputs: Tensor) -> tuple[Tensor, None]:
        """[..., inputs] -> location [..., outputs], None."""
        location = self.head(torch.tanh(self.hidden(inputs)))
        return torch.sigmoid(location) if self.squash else location, None


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
        kind = GaussianNetwork if shape.observation_model.has_log_variance else LocationNetwork
        return draw_weights(kind(*sizes, squash=shape.squash), self.options.init_scale, generator, self.options.biases)

    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.encoder_network`."""
        network = GaussianNetwork(shape.num_pixels, self.options.hidden, shape.latent_size)
        return draw_weights(network, self.options.init_scale, generator, self.options.biases)
