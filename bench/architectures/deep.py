"""Networks with two hidden layers and dropout, as in later work on the paper's method."""

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

# Limits probabilities to [1e-8, 1 - 1e-8].  The logits are clipped rather than the probabilities, because 1 - 1e-8
# rounds to 1 in float32.
LARGEST_LOGIT = math.log((1 - 1e-8) / 1e-8)


@dataclass(frozen=True)
class DeepOptions:
    """Options of the `deep` architecture."""

    hidden: int = option(500, "units in each hidden layer of encoder and decoder", unit="units", minimum=1)
    keep: float = option(0.9, "fraction of the hidden units that dropout keeps in training", above=0, maximum=1)
    min_deviation: float = option(
        SMALLEST_DEVIATION, "smallest standard deviation of a pixel, for observation models that have one", above=0
    )


class GaussianHead(nn.Module):
    """hidden -> (affine mean, log-variance), where the standard deviation is ``least`` + softplus(affine)."""

    def __init__(self, hidden: int, outputs: int, *, least: float = SMALLEST_DEVIATION, squash: bool = False) -> None:
        """``squash`` passes the mean through a sigmoid."""
        super().__init__()
        self.affine = nn.Linear(hidden, 2 * outputs)  # both maps in one matrix product
        self.least = least
        self.squash = squash

    def forward(self, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """[..., hidden] -> mean [..., outputs], log-variance [..., outputs]."""
        mean, spread = self.affine(hidden).chunk(2, dim=-1)
        log_variance = 2 * (self.least + functional.softplus(spread)).log()
        return torch.sigmoid(mean) if self.squash else mean, log_variance


class LocationHead(nn.Module):
    """hidden -> one location per pixel, such as Bernoulli logits."""

    def __init__(self, hidden: int, outputs: int, *, limit: float = math.inf, squash: bool = False) -> None:
        """Locations are clipped to [-``limit``, ``limit``]; ``squash`` then passes them through a sigmoid."""
        super().__init__()
        self.affine = nn.Linear(hidden, outputs)
        self.limit = limit
        self.squash = squash

    def forward(self, hidden: Tensor) -> tuple[Tensor, None]:
        """[..., hidden] -> location [..., outputs], None."""
        location = self.affine(hidden).clamp(-self.limit, self.limit)
        return torch.sigmoid(location) if self.squash else location, None


class Deep(Architecture):
    """Two hidden layers with dropout: ELU then tanh in the encoder, tanh then ELU in the decoder; He initialisation.

    Pixel probabilities are clipped to [1e-8, 1 - 1e-8].  Dropout is active only during training: bounds and estimates
    are those of the networks without it.  The Gaussian density of pixels that hardly ever vary, such as those at the
    borders of MNIST, is unbounded, and training exploits this: raise ``min_deviation`` for such data.
    Sources: Clevert et al. 2016 (ELU), Srivastava et al. 2014 (dropout), He et al. 2015, equation 10 (initial weights
    are drawn from N(0, 2 / inputs), initial biases are 0).

    >>> Deep(hidden=20).options.keep
    0.9
    """

    Options = DeepOptions
    options: DeepOptions

    def decoder_network(self, shape: Shape, generator: torch.Generator) -> nn.Module:
        """See `Architecture.decoder_network`."""
        hidden, outputs = self.options.hidden, shape.num_pixels
        head: nn.Module
        if shape.observation_model.has_log_variance:
            head = GaussianHead(hidden, outputs, least=self.options.min_deviation, squash=shape.squash)
        else:
            limit = LARGEST_LOGIT if shape.observation_model.location_is == "logit" else math.inf
            head = LocationHead(hidden, outputs, limit=limit, squash=shape.squash)
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
