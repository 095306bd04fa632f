"""Convolutional networks for images of any size."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bench.architecture import Architecture, Shape
from bench.models.by_hand.outputs import OutputLayer, Outputs
from bench.models.initialisation import draw_he_weights
from bench.options import option

KERNEL, STRIDE = 4, 2  # a kernel size divisible by the stride avoids checkerboard artefacts (Odena et al. 2016)
SMALLEST = 4  # pixels per side, which are halved twice


@dataclass(frozen=True)
class ConvOptions:
    """Options of the `conv` architecture."""

    hidden: int = option(500, "units in the fully connected layer of encoder and decoder", unit="units", minimum=1)
    channels: int = option(
        16, "channels after the encoder's first convolution; after its second twice as many", minimum=1
    )


class ConvEncoder(nn.Module):
    """x [..., D] -> (mean [..., d], log-variance [..., d]): two convolutions, each halving rows and columns."""

    def __init__(self, image_shape: tuple[int, int], channels: int, hidden: int, latent_size: int) -> None:
        """``channels`` is the number of channels after the first convolution."""
        super().__init__()
        sizes = _sizes(image_shape)
        self.layers = nn.Sequential(
            nn.Unflatten(-1, (1, *image_shape)),
            *(nn.Conv2d(1, channels, KERNEL, STRIDE, padding=1), nn.ELU()),
            *(nn.Conv2d(channels, 2 * channels, KERNEL, STRIDE, padding=1), nn.ELU()),
            *(nn.Flatten(), nn.Linear(2 * channels * sizes[2][0] * sizes[2][1], hidden), nn.ELU()),
            nn.Linear(hidden, 2 * latent_size),
        )
        self.output_layer = OutputLayer(scales=True, squash=False)

    def forward(self, x: Tensor) -> Outputs:
        """See the class."""
        raw = self.layers(x.reshape(-1, x.shape[-1]))  # [M, 2 d]
        return self.output_layer.split(raw.unflatten(0, x.shape[:-1]))


class ConvDecoder(nn.Module):
    """z [..., d] -> (location [..., D], log-variance [..., D] or None): the encoder's layers in reverse."""

    def __init__(
        self, image_shape: tuple[int, int], channels: int, hidden: int, latent_size: int, output_layer: OutputLayer
    ) -> None:
        """``output_layer`` converts the outputs of the last layer to location and log-variance."""
        super().__init__()
        sizes = _sizes(image_shape)
        self.layers = nn.Sequential(
            *(nn.Linear(latent_size, hidden), nn.ELU()),
            *(nn.Linear(hidden, 2 * channels * sizes[2][0] * sizes[2][1]), nn.ELU()),
            nn.Unflatten(-1, (2 * channels, *sizes[2])),
            *(_enlarging(2 * channels, channels, sizes[1]), nn.ELU()),
            *(_enlarging(channels, 2 if output_layer.scales else 1, sizes[0]), nn.Flatten()),
        )
        self.output_layer = output_layer

    def forward(self, z: Tensor) -> Outputs:
        """See the class."""
        raw = self.layers(z.reshape(-1, z.shape[-1]))  # [M, D or 2 D]
        return self.output_layer.split(raw.unflatten(0, z.shape[:-1]))


class Conv(Architecture):
    """Two convolutions and a fully connected layer in the encoder, the reverse in the decoder; ELU activations.

    Kernels of 4 x 4 with stride 2, for images of any size from 4 x 4 pixels; He initialisation.  On a CPU, an update
    takes about ten times as long as with `mlp`.
    Sources: Radford et al. 2016, "Unsupervised representation learning with deep convolutional generative adversarial
    networks" (strided and transposed convolutions); Clevert et al. 2016 (ELU); He et al. 2015, equation 10.

    >>> Conv(hidden=20).options.channels
    16
    """

    Options = ConvOptions
    options: ConvOptions

    def refusal(self, shape: Shape) -> str:
        """See `Architecture.refusal`."""
        if shape.image_shape is None:
            return "needs images, and x has no rows and columns: give x as [N, rows, columns]"
        if min(shape.image_shape) < SMALLEST:
            rows, columns = shape.image_shape
            return (
                f"needs images of at least {SMALLEST} x {SMALLEST} pixels (got {rows} x {columns} values per datapoint)"
            )
        return ""

    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.decoder_network`."""
        output_layer = OutputLayer(shape.observation_model.has_log_variance, shape.squash)
        return draw_he_weights(ConvDecoder(*self._sizes(shape), output_layer), generator)

    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.encoder_network`."""
        return draw_he_weights(ConvEncoder(*self._sizes(shape)), generator)

    def _sizes(self, shape: Shape) -> tuple[tuple[int, int], int, int, int]:
        if shape.image_shape is None:
            raise ValueError(f"The model conv {self.refusal(shape)}.")
        return shape.image_shape, self.options.channels, self.options.hidden, shape.latent_size


def _sizes(image_shape: tuple[int, int]) -> list[tuple[int, int]]:
    """Rows and columns of the image and after one and two convolutions, each of which halves them, rounding down.

    >>> _sizes((28, 21))
    [(28, 21), (14, 10), (7, 5)]
    """
    rows, columns = image_shape
    return [(rows >> level, columns >> level) for level in range(3)]


def _enlarging(inputs: int, outputs: int, size: tuple[int, int]) -> nn.ConvTranspose2d:
    """A transposed convolution that outputs an image of this ``size``, from an image with half the rows and columns."""
    odd = (size[0] % STRIDE, size[1] % STRIDE)
    return nn.ConvTranspose2d(inputs, outputs, KERNEL, STRIDE, padding=1, output_padding=odd)
