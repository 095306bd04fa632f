"""Networks of two hidden layers with dropout, as later work on the paper's method builds them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bench.architecture import Architecture, Shape
from bench.models.dropout import Dropout
from bench.models.initialisation import draw_he_weights
from bench.options import option

SMALLEST_DEVIATION = 1e-6

# Probabilities within [1e-8, 1 - 1e-8].  The logits are what is clipped: in float32 1 - 1e-8 is 1.
LARGEST_LOGIT = math.log((1 - 1e-8) / 1e-8)


@dataclass(frozen=True)
class DeepOptions:
    """What can be set of the `deep` architecture."""

    hidden: int = option(500, "units in each hidden layer of encoder and decoder", unit="units", minimum=1)
    keep: float = option(0.9, "share of the hidden units that dropout keeps in training", above=0, maximum=1)
    min_deviation: float = option(
        SMALLEST_DEVIATION, "least standard deviation of a pixel under a Gaussian decoder", above=0
    )


class GaussianHead(nn.Module):
    """hidden -> (affine mean, log-variance), where the standard deviation is ``least`` + softplus(affine)."""

    def __init__(self, hidden: int, outputs: int, *, least: float = SMALLEST_DEVIATION, squash: bool = False) -> None:
        """``squash`` passes the mean through a sigmoid."""
        super().__init__()
        self.affine = nn.Linear(hidden, 2 * outputs)  # both maps in one product
        self.least = least
        self.squash = squash

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """[..., hidden] -> mean [..., outputs], log-variance [..., outputs]."""
        mean, spread = self.affine(hidden).chunk(2, dim=-1)
        log_variance = 2 * (self.least + functional.softplus(spread)).log()
        return torch.sigmoid(mean) if self.squash else mean, log_variance


class LocationHead(nn.Module):
    """hidden -> one value a pixel: Bernoulli logits, or means of unit variance."""

    def __init__(self, hidden: int, outputs: int, *, limit: float = math.inf, squash: bool = False) -> None:
        """Values are clipped to ``limit`` on both sides; ``squash`` passes them through a sigmoid."""
        super().__init__()
        self.affine = nn.Linear(hidden, outputs)
        self.limit = limit
        self.squash = squash

    def forward(self, hidden: Tensor) -> tuple[Tensor, None]:
        """[..., hidden] -> location [..., outputs], None."""
        location = self.affine(hidden).clamp(-self.limit, self.limit)
        return torch.sigmoid(location) if self.squash else location, None


class Deep(Architecture):
    """Two hidden layers with dropout: elu then tanh in the encoder, tanh then elu in the decoder; He initialisation.

    For a Bernoulli decoder (probabilities clipped to [1e-8, 1 - 1e-8]), a Gaussian one, and one of identity
    covariance.  Dropout is part of training alone: bounds and estimates are of the networks without it.
    The Gaussian density of pixels that hardly ever vary, as at the borders of MNIST, has no bound, and training runs
    after it: raise ``min_deviation`` there.
    Sources: Clevert et al. 2016 (elu), Srivastava et al. 2014 (dropout), He et al. 2015, equation 10 (weights start at
    N(0, 2 / inputs), biases at 0).
    """

    Options = DeepOptions
    options: DeepOptions

    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.decoder_network`."""
        hidden, outputs = self.options.hidden, shape.num_pixels
        head: nn.Module
        if shape.likelihood == "gaussian":
            head = GaussianHead(hidden, outputs, least=self.options.min_deviation, squash=shape.bounded)
        elif shape.likelihood == "unit_gaussian":
            head = LocationHead(hidden, outputs, squash=shape.bounded)
        else:
            head = LocationHead(hidden, outputs, limit=LARGEST_LOGIT)
        return self._network(shape.latent_size, (nn.Tanh(), nn.ELU()), head, generator)

    def encoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.encoder_network`."""
        head = GaussianHead(self.options.hidden, shape.latent_size)
        return self._network(shape.num_pixels, (nn.ELU(), nn.Tanh()), head, generator)

    def _network(
        self, inputs: int, activations: tuple[nn.Module, nn.Module], head: nn.Module, generator: torch.Generator
    ) -> nn.Module:
        """inputs -> two hidden layers, each with dropout -> head."""
        hidden, keep = self.options.hidden, self.options.keep
        first, second = activations
        network = nn.Sequential(
            *(nn.Linear(inputs, hidden), first, Dropout(keep)),
            *(nn.Linear(hidden, hidden), second, Dropout(keep)),
            head,
        )
        return draw_he_weights(network, generator)
