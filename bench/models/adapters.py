"""Networks that were written elsewhere, with the inputs and outputs that decoders and encoders need here."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor, nn

from bench.models.affine import is_affine

# The output of a network besides the mean: log sigma^2, log sigma or sigma.
Scale = Literal["log_variance", "log_deviation", "deviation"]
SCALES: tuple[str, ...] = get_args(Scale)


class AdaptedDecoder(nn.Module):
    """z [..., d] -> (location [..., D], log-variance [..., D] or None), from a network that takes z [N, d].

    The network outputs the location, or a tuple (location, scale) if ``scale`` is given, of any shape [N, ...].
    """

    def __init__(self, network: nn.Module, *, probabilities: bool = False, scale: Scale | None = None) -> None:
        """If ``probabilities``, the location is a probability, which is converted to a logit."""
        super().__init__()
        self.network = network
        self.probabilities = probabilities
        self.scale = scale

    @property
    def is_affine(self) -> bool:
        """See `bench.models.affine.is_affine`."""
        return not self.probabilities and is_affine(self.network)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        """Flatten leading dimensions for the network and restore them; its outputs are flattened to pixels."""
        output = self.network(z.reshape(-1, z.shape[-1]))
        location, scale = (output, None) if self.scale is None else output
        log_variance = None if scale is None else _log_variance(scale, self.scale, location)
        if self.probabilities:
            location = torch.logit(location, eps=torch.finfo(location.dtype).eps)
        return _rows(location, z), None if log_variance is None else _rows(log_variance, z)


class AdaptedEncoder(nn.Module):
    """x [..., D] -> (mean [..., d], log-variance [..., d]), from a network that takes x [N, *image_shape].

    The network outputs a tuple (mean, scale).
    """

    def __init__(self, network: nn.Module, image_shape: tuple[int, ...], *, scale: Scale) -> None:
        """``image_shape`` is the shape of one datapoint."""
        super().__init__()
        self.network = network
        self.image_shape = image_shape
        self.scale: Scale = scale

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Flatten leading dimensions for the network and restore them."""
        mean, scale = self.network(x.reshape(-1, *self.image_shape))
        return _rows(mean, x), _rows(_log_variance(scale, self.scale, mean), x)


def _rows(output: Tensor, inputs: Tensor) -> Tensor:
    """Outputs [N, ...] for N rows of inputs [..., D]: [..., K], where N may be 0."""
    flat = output.flatten(1)
    return flat.reshape(*inputs.shape[:-1], flat.shape[1])


def _log_variance(scale: Tensor, kind: Scale | None, like: Tensor) -> Tensor:
    """log sigma^2 from the network's output, in the shape of ``like``."""
    scale = scale.expand_as(like)
    if kind == "log_variance":
        return scale
    return 2 * (scale if kind == "log_deviation" else scale.log())
