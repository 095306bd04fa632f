"""Model evaluations, counted where they happen rather than declared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from torch import Tensor, nn

from bench.models.latent import LatentVariableModel


@dataclass
class Evaluations:
    """Datapoints passed through the decoder's network so far: ``forward``, and ``backward`` those with a gradient."""

    forward: int = 0
    backward: int = 0

    @property
    def total(self) -> int:
        """As `StepInfo.model_evaluations` counts them: forward and backward one each."""
        return self.forward + self.backward


@contextmanager
def counted(model: LatentVariableModel) -> Iterator[Evaluations]:
    """Count the evaluations in a block, in which gradients are left to autograd, so that none is missed."""
    seen = Evaluations()

    def forward(_: nn.Module, __: tuple[Tensor, ...], outputs: tuple[Tensor, Tensor | None]) -> None:
        location = outputs[0]
        rows = location[..., 0].numel()
        seen.forward += rows
        if location.requires_grad:
            location.register_hook(lambda _: backward(rows))

    def backward(rows: int) -> None:
        seen.backward += rows

    hook = model.decoder.network.register_forward_hook(forward)
    try:
        yield seen
    finally:
        hook.remove()
