"""Initial weights from a generator."""

from __future__ import annotations

import torch
from torch import nn


def draw_weights(network: nn.Module, standard_deviation: float, generator: torch.Generator) -> nn.Module:
    """All weights and biases from N(0, sd^2), as in the paper; returns the network."""
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
