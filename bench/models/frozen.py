"""A model, or a network, while it is being evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from torch import nn


@contextmanager
def frozen(model: nn.Module) -> Iterator[None]:
    """The model in evaluation mode, so that dropout is off, with parameters that do not require gradients."""
    modes = [(module, module.training) for module in model.modules()]
    gradients = [(parameter, parameter.requires_grad) for parameter in model.parameters()]
    model.eval()
    model.requires_grad_(False)
    try:
        yield
    finally:
        for module, was_training in modes:
            module.training = was_training
        for parameter, requires_grad in gradients:
            parameter.requires_grad_(requires_grad)
