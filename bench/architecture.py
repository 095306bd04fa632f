"""The contract of an architecture: which networks stand inside decoder and encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn

from bench.models.decoder import BernoulliDecoder, Decoder, GaussianDecoder
from bench.models.encoder import Encoder
from bench.plugins import Plugin


@dataclass(frozen=True)
class Shape:
    """What the networks must fit: d latent dimensions, D pixels, and the likelihood of x."""

    latent_size: int
    num_pixels: int
    likelihood: str  # "bernoulli", "gaussian" or "unit_gaussian" (identity covariance)
    bounded: bool  # whether x lies in [0, 1], so that a Gaussian mean passes a sigmoid


class Architecture(Plugin, ABC):
    """Builds decoder and encoder networks with initial weights from a generator."""

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
