"""Flows whose maps come from a small network: affine coupling, and inverse autoregressive."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, logsigmoid

from bench.models.flows import INITIAL_SCALE, Flow


class Coupling(Flow):
    """Scales and shifts the second half of z by functions of the first half, which stays as it is, and the features.

    Source: Dinh et al. 2017, equations 4 and 5, with one tanh layer.  The log-scale is between -2 and 2.
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

    Source: Kingma et al. 2016, algorithm 1, with one masked tanh layer (Germain et al. 2015).  The inverse takes d
    passes through the network, one for each dimension.
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
        inverse = torch.zeros_like(z)
        for _ in range(self.latent_size):  # each pass makes one more dimension correct
            middle, log_gate = self._middle_and_gate(inverse, features)
            inverse = middle + (z - middle) * (-log_gate).exp()
        return inverse, log_gate.sum(-1)

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
