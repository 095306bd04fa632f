"""The contract of an architecture: which networks are inside decoder and encoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import nn

from bench.errors import PluginError
from bench.models.decoder import Decoder
from bench.models.encoder import Encoder
from bench.models.frozen import frozen
from bench.models.observation import ObservationModel
from bench.models.wrap import described
from bench.plugins import Plugin


@dataclass(frozen=True)
class Shape:
    """The sizes that the networks must match: d latent dimensions, D pixels in rows, and the parameters of p(x|z).

    >>> from bench.models.observation import observation_model
    >>> Shape(latent_size=2, num_pixels=64, observation_model=observation_model("gaussian"), bounded=True).squash
    True
    """

    latent_size: int
    num_pixels: int
    observation_model: ObservationModel  # its `has_log_variance` tells whether the decoder outputs a log-variance
    bounded: bool  # whether x lies in [0, 1]
    image_shape: tuple[int, int] | None = None  # rows, columns (row-major in x); None if x was given without them

    @property
    def squash(self) -> bool:
        """Whether the decoder's location passes through a sigmoid because it is the mean of data in [0, 1]."""
        return self.bounded and self.observation_model.location_is == "mean"


class Architecture(Plugin, ABC):
    """Builds the networks of the decoder and the encoder, with initial weights drawn from a generator.

    One file holds one architecture, which defines `decoder_network` and `encoder_network`.

    >>> from bench import seeds
    >>> from bench.architectures.mlp import MLP
    >>> from bench.models.observation import observation_model
    >>> shape = Shape(latent_size=2, num_pixels=64, observation_model=observation_model("bernoulli"), bounded=True)
    >>> decoder = MLP(hidden=20).decoder(shape, seeds.generator("decoder", 0))
    >>> decoder.mean(torch.zeros(5, 2)).shape
    torch.Size([5, 64])
    """

    @abstractmethod
    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """The network z [..., d] -> (location [..., D], log-variance [..., D] or None).

        It must output a log-variance if ``shape.observation_model.has_log_variance``, and pass the location through a
        sigmoid if ``shape.squash``.
        """

    @abstractmethod
    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """The network x [..., D] -> (mean [..., d], log-variance [..., d]).

        Both networks should bound the log-variances, since their exponential may otherwise overflow.
        """

    def refusal(self, shape: Shape) -> str:
        """Why there are no networks for such data and this many latent dimensions; empty, the default, if there are.

        The text should follow "since it", as in "needs images of at least 4 x 4 pixels (got 1 x 16)".
        """
        return ""

    def decoder(self, shape: Shape, generator: torch.Generator) -> Decoder:
        """Build p(x|z) with initial weights drawn from ``generator``; raises PluginError on a violated contract.

        The network is tried once on zeros.
        """
        network = self.decoder_network(shape, generator)
        several = torch.zeros(3, 2, shape.latent_size)  # draws for each datapoint
        self._check("decoder_network", network, several, shape.num_pixels, shape.observation_model.has_log_variance)
        return Decoder(network, shape.observation_model)

    def encoder(self, shape: Shape, generator: torch.Generator) -> Encoder:
        """Build q(z|x) with initial weights drawn from ``generator``; raises PluginError on a violated contract.

        The network is tried once on zeros.
        """
        network = self.encoder_network(shape, generator)
        self._check("encoder_network", network, torch.zeros(2, shape.num_pixels), shape.latent_size, scales=True)
        return Encoder(network)

    def _check(self, method: str, network: object, inputs: torch.Tensor, size: int, scales: bool) -> None:  # private
        """Check that a network returns ``size`` locations and, if ``scales``, as many log-variances per input."""
        name = f"`{method}` of {self.plugin_name()} must return"
        if not isinstance(network, nn.Module):
            raise PluginError(f"{name} a torch.nn.Module (got {described(network)}).")
        with frozen(network), torch.no_grad():
            outputs: object = network(inputs)
        shape = [*inputs.shape[:-1], size]
        if not _are(outputs, shape, scales=scales):
            second = f"log-variances {shape}" if scales else "None"
            raise PluginError(
                f"{name} a network that maps a tensor {list(inputs.shape)} to a tuple of locations {shape} and "
                f"{second} (got {described(outputs)})."
            )


def _are(outputs: object, shape: list[int], *, scales: bool) -> bool:
    """Whether the outputs are a location of this shape and a log-variance (if ``scales``) or None (otherwise)."""
    if not (isinstance(outputs, (tuple, list)) and len(outputs) == 2):
        return False
    fits = [isinstance(output, torch.Tensor) and list(output.shape) == shape for output in outputs]
    return fits[0] and (fits[1] if scales else outputs[1] is None)
