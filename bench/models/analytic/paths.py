"""When gradients written by hand are used, and when autograd has to see every operation."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.autograd import forward_ad

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_open() -> bool:
    """Whether gradients are plain ones, backwards: not within a transformation of `torch.func`, nor in forward mode."""
    return not torch._C._are_functorch_transforms_active() and forward_ad._current_level < 0  # noqa: SLF001


def hooks_of(module: nn.Module) -> list[Mapping[object, object]]:
    """What is hooked onto a module, now or later, and would have to be called: empty as long as nothing is."""
    return [vars(module)[name] for name in HOOKS]
