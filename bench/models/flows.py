"""Normalising flows: invertible maps z -> z' of known volume, which may depend on features of x."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

INITIAL_SCALE = 0.01  # standard deviation of initial weights that bend the map: it begins near the identity
NUM_BISECTIONS = 40  # of an interval of width 2 |u'w|: down to the precision of float32, and a Newton step for float64


class Flow(nn.Module, ABC):
    """An invertible map of z [..., d], given ``features`` [..., c] of x."""

    @abstractmethod
    def forward(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """z' [..., d], and log |det dz'/dz| [...] in nats."""

    @abstractmethod
    def inverse(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """The z [..., d] that is mapped to z' (the argument), and log |det dz'/dz| [...] at z."""

    @abstractmethod
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draw the initial weights, such that the map is near the identity."""


class Planar(Flow):
    """``z' = z + u tanh(w'z + b)``, with u, w and b affine in the features: bends z along one direction.

    Source: Rezende & Mohamed 2015, equation 10.  As in their appendix A.1, u is changed along w so that ``w'u > -1``,
    for which the map is invertible; here that change vanishes at u = 0, so that the map can begin as the identity.
    The inverse solves one monotone equation for ``w'z`` by bisection.
    """

    def __init__(self, latent_size: int, num_features: int) -> None:
        """``latent_size`` is d, and ``num_features`` is c."""
        super().__init__()
        self.sizes = [latent_size, latent_size, 1]
        self.head = nn.Linear(num_features, sum(self.sizes))

    def draw_weights(self, generator: torch.Generator) -> None:
        """See `Flow.draw_weights`; the length of w is about 1, since u has no gradient if w is 0."""
        d = self.sizes[0]
        with torch.no_grad():
            self.head.weight.normal_(0.0, INITIAL_SCALE, generator=generator)
            self.head.bias.normal_(0.0, INITIAL_SCALE, generator=generator)
            self.head.bias[d : 2 * d].normal_(0.0, d**-0.5, generator=generator)

    def forward(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.forward`."""
        u, w, b, along = self._coefficients(features)
        bend = torch.tanh((w * z).sum(-1, keepdim=True) + b)
        return z + u * bend, _log_det(along, bend)

    def inverse(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.inverse`."""
        u, w, b, along = self._coefficients(features)
        bend = torch.tanh(_solve((w * z).sum(-1, keepdim=True) + b, along))
        return z - u * bend, _log_det(along, bend)

    def _coefficients(self, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The u, w [..., d] and b [..., 1] of an invertible map, and w'u [..., 1]."""
        u, w, b = self.head(features).split(self.sizes, -1)
        free = (w * u).sum(-1, keepdim=True)
        along = softplus(free + math.log(math.e - 1)).clamp_min(1e-4) - 1
        return u + (along - free) * w / w.square().sum(-1, keepdim=True).clamp_min(1e-12), w, b, along


def _log_det(along: Tensor, bend: Tensor) -> Tensor:
    return torch.log1p(along * (1 - bend.square())).squeeze(-1)


def _solve(end: Tensor, along: Tensor) -> Tensor:
    """The s with ``s + along tanh(s) = end``, differentiable in both."""
    with torch.no_grad():
        low, high = end - along.abs(), end + along.abs()
        for _ in range(NUM_BISECTIONS):
            middle = 0.5 * (low + high)
            above = middle + along * torch.tanh(middle) > end
            low, high = torch.where(above, low, middle), torch.where(above, middle, high)
        s = 0.5 * (low + high)
        bend = torch.tanh(s)
        slope = 1 + along * (1 - bend.square())
    return s - (s + along * bend - end) / slope  # a Newton step, whose derivative equals that of the solution


class Chain(Flow):
    """Several flows in sequence; the order of the dimensions is reversed between any two.

    >>> flow = Chain([Planar(2, 3), Planar(2, 3)])
    >>> flow.draw_weights(torch.Generator().manual_seed(0))
    >>> z, features = torch.ones(5, 2), torch.zeros(5, 3)
    >>> moved, log_det = flow(z, features)
    >>> torch.allclose(flow.inverse(moved, features)[0], z, atol=1e-5), log_det.shape
    (True, torch.Size([5]))
    """

    def __init__(self, flows: Sequence[Flow]) -> None:
        """At least one."""
        super().__init__()
        self.flows = nn.ModuleList(flows)

    def draw_weights(self, generator: torch.Generator) -> None:
        """See `Flow.draw_weights`."""
        for flow in self.flows:
            cast("Flow", flow).draw_weights(generator)

    def forward(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.forward`."""
        log_dets = []
        for i, flow in enumerate(self.flows):
            z, log_det = flow(z.flip(-1) if i else z, features)
            log_dets.append(log_det)
        return z, torch.stack(log_dets).sum(0)

    def inverse(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.inverse`."""
        log_dets = []
        for i, flow in reversed([*enumerate(self.flows)]):
            z, log_det = cast("Flow", flow).inverse(z, features)
            z = z.flip(-1) if i else z
            log_dets.append(log_det)
        return z, torch.stack(log_dets).sum(0)
