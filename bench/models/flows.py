"""Normalising flows: invertible maps z -> z' of known volume, which may depend on features of x."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid, softplus

INITIAL_SCALE = 0.01  # standard deviation of initial weights that would bend the map: it begins near the identity
NUM_BISECTIONS = 40  # of an interval of width 2 |u'w|: down to the precision of float32, and a Newton step for float64


class Flow(nn.Module, ABC):
    """An invertible map of z [..., d], given ``features`` [..., c] of x."""

    @abstractmethod
    def forward(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """z' [..., d], and log |det dz'/dz| [...] in nats."""

    @abstractmethod
    def inverse(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """The z [..., d] that is mapped to z' (the argument), and log |det dz'/dz| [...] there."""

    @abstractmethod
    def draw_weights(self, generator: torch.Generator) -> None:
        """Draw the initial weights, of a map near the identity."""


class Planar(Flow):
    """``z' = z + u tanh(w'z + b)``, with u, w and b affine in the features; bends z along one direction.

    Source: Rezende & Mohamed 2015, equation 10.  As in their appendix A.1, u is changed along w so that ``w'u > -1``,
    for which the map is invertible; here that change vanishes at u = 0, so that the map can begin as the identity.
    The inverse solves one monotone equation for ``w'z`` by bisection.
    """

    def __init__(self, latent_size: int, num_features: int) -> None:
        """``latent_size`` is d, ``num_features`` c."""
        super().__init__()
        self.sizes = [latent_size, latent_size, 1]
        self.head = nn.Linear(num_features, sum(self.sizes))

    def draw_weights(self, generator: torch.Generator) -> None:
        """See `Flow.draw_weights`; w is of length 1 or so, for without it u has no gradient."""
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
    return s - (s + along * bend - end) / slope  # a Newton step, whose derivative is that of the solution


class Coupling(Flow):
    """Scales and shifts the second half of z by functions of the first half, which stays as it is, and the features.

    Source: Dinh et al. 2017, equations 4 and 5, with one tanh layer.  The log-scale lies between -2 and 2.
    """

    def __init__(self, latent_size: int, num_features: int, hidden: int) -> None:
        """``latent_size`` is d, at least 2, ``num_features`` c, ``hidden`` the units of the tanh layer."""
        super().__init__()
        self.sizes = [latent_size // 2, latent_size - latent_size // 2]
        self.body = nn.Linear(self.sizes[0] + num_features, hidden)
        self.head = nn.Linear(hidden, 2 * self.sizes[1])

    def draw_weights(self, generator: torch.Generator) -> None:
        """See `Flow.draw_weights`."""
        _draw(self.body, self.head, generator)

    def forward(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.forward`."""
        fixed, moved = z.split(self.sizes, -1)
        shift, log_scale = self._shift_and_scale(fixed, features)
        return torch.cat([fixed, moved * log_scale.exp() + shift], -1), log_scale.sum(-1)

    def inverse(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.inverse`."""
        fixed, moved = z.split(self.sizes, -1)
        shift, log_scale = self._shift_and_scale(fixed, features)
        return torch.cat([fixed, (moved - shift) * (-log_scale).exp()], -1), log_scale.sum(-1)

    def _shift_and_scale(self, fixed: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        shift, free = self.head(torch.tanh(self.body(torch.cat([fixed, features], -1)))).chunk(2, -1)
        return shift, 2 * torch.tanh(0.5 * free)


class InverseAutoregressive(Flow):
    """``z'_j = g_j z_j + (1 - g_j) m_j``, where m_j and the gate g_j depend on z_1 ... z_(j-1) and the features.

    Source: Kingma et al. 2016, algorithm 1, by one masked tanh layer (Germain et al. 2015).  The inverse takes d passes
    through the network, one for each dimension.
    """

    def __init__(self, latent_size: int, num_features: int, hidden: int) -> None:
        """``latent_size`` is d, at least 2, ``num_features`` c, ``hidden`` the units of the tanh layer."""
        super().__init__()
        self.latent_size = latent_size
        self.body = nn.Linear(latent_size + num_features, hidden)
        self.head = nn.Linear(hidden, 2 * latent_size)
        places = torch.arange(latent_size)
        reach = torch.arange(hidden) % (latent_size - 1)  # the last dimension that a hidden unit sees
        sees = places <= reach.unsqueeze(-1)  # [hidden, d]
        is_seen = reach < places.repeat(2).unsqueeze(-1)  # [2 d, hidden]
        features = torch.ones(hidden, num_features, dtype=torch.bool)
        self.register_buffer("body_mask", torch.cat([sees, features], -1).float(), persistent=False)
        self.register_buffer("head_mask", is_seen.float(), persistent=False)

    def draw_weights(self, generator: torch.Generator) -> None:
        """See `Flow.draw_weights`; the gates begin at 0.88, nearly open."""
        _draw(self.body, self.head, generator)
        with torch.no_grad():
            self.head.bias[self.latent_size :] += 2.0

    def forward(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.forward`."""
        middle, log_gate = self._middle_and_gate(z, features)
        return torch.lerp(middle, z, log_gate.exp()), log_gate.sum(-1)

    def inverse(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        """See `Flow.inverse`."""
        found = torch.zeros_like(z)
        for _ in range(self.latent_size):  # each pass makes one more dimension right
            middle, log_gate = self._middle_and_gate(found, features)
            found = middle + (z - middle) * (-log_gate).exp()
        return found, log_gate.sum(-1)

    def _middle_and_gate(self, z: Tensor, features: Tensor) -> tuple[Tensor, Tensor]:
        inputs = torch.cat([z, features], -1)
        hidden = torch.tanh(linear(inputs, self.body.weight * cast("Tensor", self.body_mask), self.body.bias))
        outputs = linear(hidden, self.head.weight * cast("Tensor", self.head_mask), self.head.bias)
        middle, gate = outputs.chunk(2, -1)
        return middle, logsigmoid(gate)


def _draw(body: nn.Linear, head: nn.Linear, generator: torch.Generator) -> None:
    with torch.no_grad():
        body.weight.normal_(0.0, body.in_features**-0.5, generator=generator)
        body.bias.zero_()
        head.weight.normal_(0.0, INITIAL_SCALE, generator=generator)
        head.bias.zero_()


class Chain(Flow):
    """Several flows, one after the other; the order of the dimensions is reversed between two.

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
