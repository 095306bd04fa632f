"""The log density over z that a chain moves on, with its gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor


class LogDensity(ABC):
    """A log density over z [..., N, d] in nats, up to a constant, independently for each row."""

    @abstractmethod
    def with_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The log density [..., N] and its gradient [..., N, d], both detached.  Cost: 2 model evaluations per row."""

    def gradient(self, z: Tensor) -> Tensor:
        """The gradient alone, if that is cheaper: within a trajectory no value is needed.

        If it were wrong, proposals would be rejected more often, but chains would still leave the density invariant.
        """
        return self.with_gradient(z)[1]


class Differentiated(LogDensity):
    """A differentiable function as a log density.

    >>> value, gradient = Differentiated(lambda z: -0.5 * z.square().sum(-1)).with_gradient(torch.ones(1, 2))
    >>> gradient
    tensor([[-1., -1.]])
    """

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        """``function`` maps z [..., N, d] to [..., N]; no gradient is accumulated in parameters that it uses."""
        self.function = function

    def __call__(self, z: Tensor) -> Tensor:
        """The function's value [..., N], with its graph."""
        return self.function(z)

    def with_gradient(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """See `LogDensity.with_gradient`."""
        with torch.enable_grad():
            z = z.detach().requires_grad_()
            value = self.function(z)
            (gradient,) = torch.autograd.grad(value.sum(), z)
        return value.detach(), gradient
