"""The contract of an architecture: which networks stand inside decoder and encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn

from bench import options
from bench.models.decoder import BernoulliDecoder, Decoder, GaussianDecoder
from bench.models.encoder import Encoder
from bench.options import NoOptions


@dataclass(frozen=True)
class Shape:
    """What the networks must fit: d latent dimensions, D pixels, and the likelihood of x."""

    latent_size: int
    num_pixels: int
    likelihood: str  # "bernoulli", "gaussian" or "unit_gaussian" (identity covariance)
    bounded: bool  # whether x lies in [0, 1], so that a Gaussian mean passes a sigmoid


class Architecture(ABC):
    """Builds decoder and encoder networks with initial weights from a generator."""

    Options: ClassVar[type[Any]] = NoOptions
    options: Any

    def __init__(self, **settings: object) -> None:
        """Settings by name; raises OptionError for an unknown, ill-typed or out-of-range one."""
        self.options = options.build(self.Options, settings, type(self).__name__.lower())

    @abstractmethod
    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """The network z [..., d] -> (location [..., D], log-variance or None)."""

    @abstractmethod
    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """The network x [..., D] -> (mean [..., d], log-variance [..., d]).

        It keeps its log-variances within bounds, as the decoder's does: without, exp() of one overflows some day.
        """

    def decoder(self, shape: Shape, generator: torch.Generator) -> Decoder:
        """p(x|z) with initial weights drawn from ``generator``."""
        network = self.decoder_network(shape, generator)
        return BernoulliDecoder(network) if shape.likelihood == "bernoulli" else GaussianDecoder(network)

    def encoder(self, shape: Shape, generator: torch.Generator) -> Encoder:
        """q(z|x) with initial weights drawn from ``generator``."""
        return Encoder(self.encoder_network(shape, generator))


def draw_weights(network: nn.Module, standard_deviation: float, generator: torch.Generator) -> nn.Module:
    """All weights and biases from N(0, sd^2), as the paper starts them; returns the network."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.normal_(0.0, standard_deviation, generator=generator)
    return network


def draw_he_weights(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """All weights from N(0, 2 / inputs), biases 0 (He et al. 2015, equation 10); returns the network."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                layer.weight.normal_(0.0, (2 / layer.in_features) ** 0.5, generator=generator)
                layer.bias.zero_()
    return network
