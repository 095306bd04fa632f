"""When gradients written by hand are used, and when autograd has to see every operation."""

from __future__ import annotations

import torch
from torch import nn
from torch.autograd import forward_ad

HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def is_open() -> bool:
    """Whether gradients are plain ones, backwards: not within a transformation of `torch.func`, nor in forward mode."""
    return not torch._C._are_functorch_transforms_active() and forward_ad._current_level < 0  # noqa: SLF001


def is_plain(*modules: nn.Module) -> bool:
    """Whether nothing is hooked onto these modules, which would have to be called."""
    for module in modules:
        for hooks in HOOKS:
            if vars(module)[hooks]:
                return False
    return True
