"""Initial weights from a generator."""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import nn

Biases = Literal["drawn", "zero"]


def draw_weights(
    network: nn.Module, standard_deviation: float, generator: torch.Generator, biases: Biases = "drawn"
) -> nn.Module:
    """Draw all weights from N(0, sd^2), and biases too, as in the paper, or set them to 0; returns the network.

    The weights are the same either way.
    """
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.normal_(0.0, standard_deviation, generator=generator)
            if biases == "zero" and name.rpartition(".")[2] == "bias":
                parameter.zero_()
    return network


def draw_he_weights(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw all weights from N(0, 2 / inputs), with biases 0 (He et al. 2015, equation 10); returns the network.

    For a convolution, the number of inputs of an output is the channels times the pixels of its receptive field.
    """
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, (nn.Linear, nn.Conv2d, nn.ConvTranspose2d)):
                layer.weight.normal_(0.0, (2 / _num_inputs(layer)) ** 0.5, generator=generator)
                if layer.bias is not None:
                    layer.bias.zero_()
    return network


def _num_inputs(layer: nn.Linear | nn.Conv2d | nn.ConvTranspose2d) -> float:
    """How many inputs each output of a layer has; for a transposed convolution, on average away from the borders."""
    if isinstance(layer, nn.Linear):
        return layer.in_features
    seen = math.prod(layer.kernel_size) * layer.in_channels / layer.groups
    return seen / math.prod(layer.stride) if isinstance(layer, nn.ConvTranspose2d) else seen


def draw_glorot_weights(network: nn.Module, generator: torch.Generator) -> nn.Module:
    """Draw weights uniformly within sqrt(6 / (inputs + outputs)), with biases 0 (Glorot & Bengio 2010, equation 16)."""
    with torch.no_grad():
        for layer in network.modules():
            if isinstance(layer, nn.Linear):
                limit = (6 / (layer.in_features + layer.out_features)) ** 0.5
                layer.weight.uniform_(-limit, limit, generator=generator)
                layer.bias.zero_()
    return network
