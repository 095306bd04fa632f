"""What a chain moves on: a log density over z with its gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor


class LogDensity(ABC):
    """A log density over z [..., N, d] in nats, up to a constant, each row by itself."""

    @abstractmethod
    def with_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The log density [..., N] and its gradient [..., N, d], both detached.  Cost: 2 model evaluations a row."""

    def gradient(self, z: Tensor) -> Tensor:
        """The gradient alone, where that costs less: within a trajectory no value is needed.

        Were it a wrong one, proposals would be rejected more often, and chains still leave the density as it is.
        """
        return self.with_gradient(z)[1]


class Differentiated(LogDensity):
    """A differentiable function as a log density."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """``function`` maps z [..., N, d] to [..., N]; nothing is accumulated in parameters that it uses."""
        self.function = function

    def __call__(self, z: Tensor) -> Tensor:
        """The function's value [..., N], with its graph."""
        return self.function(z)

    def with_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `LogDensity.with_gradient`."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            value = self.function(z)
            (gradient,) = torch.autograd.grad(value, z, torch.ones_like(value))
        return value.detach(), gradient
