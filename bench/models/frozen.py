"""A model as it is evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from bench.models.latent import LatentVariableModel


@contextmanager
def frozen(model: LatentVariableModel) -> Iterator[None]:
    """The model in evaluation mode (a network with dropout is judged without), its parameters without gradients."""
    training, asked = ([(m, m.training) for m in model.modules()], [(p, p.requires_grad) for p in model.parameters()])
    model.eval()
    model.requires_grad_(False)
    try:
        yield
    finally:
        for module, was_training in training:
            module.training = was_training
        for parameter, requires_grad in asked:
            parameter.requires_grad_(requires_grad)
