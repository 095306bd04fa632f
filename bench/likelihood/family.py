"""Evaluation of a family of q on a model: its bounds, and the information in its latent dimensions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

# A latent dimension is active if the variance of its posterior mean over datapoints exceeds this (Burda et al. 2016,
# section 5).
ACTIVE_VARIANCE = 0.01


@dataclass(frozen=True)
class Latents:
    """How much information the latent dimensions carry under q: nats per datapoint, except for the variance.

    If z is discrete, each group of codes is a dimension, and its variance is that of its one-hot code, summed.
    """

    kl: Tensor  # [d] mean over x of KL(q(z_j|x) || p(z_j))
    variance: Tensor  # [d] of the posterior mean, over x
    mutual_information: float  # of z and x, at most log N

    @property
    def active(self) -> Tensor:
        """Which dimensions are active: [d] bool."""
        return self.variance > ACTIVE_VARIANCE

    @property
    def num_active(self) -> int:
        """How many dimensions are active."""
        return int(self.active.sum())


class Bounds(NamedTuple):
    """Bounds on log p(x) and their errors [N], for the best q of the family and for the encoder's."""

    best: Tensor
    best_error: Tensor
    bound: Tensor
    bound_error: Tensor
    latents: Latents
    local_latents: Latents
    states_in_use: int | None = None


class Family(Protocol):
    """The distributions over z that q is chosen from, for one model."""

    def bounds(self, x: Tensor, num_gap_points: int, generator: torch.Generator) -> Bounds:
        """Evaluate the first ``num_gap_points`` rows of x [N, D], but ``latents`` on all rows; the model is frozen."""
