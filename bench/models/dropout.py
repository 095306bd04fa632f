"""Dropout whose noise comes from the algorithm's generator, so that resumed training reproduces it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bench.models.draws import draw_bernoulli


class Dropout(nn.Module):
    """In training, keep each input with probability ``keep`` and divide it by that, or set it to 0; else the identity.

    E[output] = input.  Source: Srivastava et al. 2014, scaled at training time.
    """

    def __init__(self, keep: float) -> None:
        """The generator is set later, by `attach_generator`."""
        super().__init__()
        self.keep = keep
        self.generator: torch.Generator | None = None

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., D] -> [..., D], each entry independently; raises RuntimeError in training without a generator."""
        if not self.training or self.keep == 1:
            return inputs
        if self.generator is None:
            raise RuntimeError(
                "Dropout in training mode needs a generator, which an algorithm's networks receive after `setup`: "
                "call `attach_generator`, or `eval()` to turn dropout off."
            )
        mask = draw_bernoulli(torch.full_like(inputs, self.keep), self.generator)
        return inputs * mask.div_(self.keep)

    def extra_repr(self) -> str:
        """The representation of this layer within a network."""
        return f"keep={self.keep:g}"


def attach_generator(module: nn.Module, generator: torch.Generator) -> None:
    """Make every `Dropout` within ``module`` draw from ``generator``."""
    for part in module.modules():
        if isinstance(part, Dropout):
            part.generator = generator
