"""Draws of zeros and ones."""

from __future__ import annotations

import torch
from torch import Tensor


def draw_bernoulli(probability: Tensor, generator: torch.Generator | None) -> Tensor:
    """Independent zeros and ones [...] in the precision of the probabilities [...] of a one.

    Uniform numbers are compared with p, which in PyTorch is four times as fast as `torch.bernoulli`.

    >>> draw_bernoulli(torch.tensor([0.0, 1.0]), torch.Generator())
    tensor([0., 1.])
    """
    uniform = torch.empty_like(probability, memory_format=torch.contiguous_format).uniform_(generator=generator)
    return torch.lt(uniform, probability, out=uniform)
