"""Corruptions of x for denoising: the encoder receives a corrupted datapoint instead of the clean one."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Corruption = Literal["none", "masking", "salt_and_pepper", "gaussian"]


def corrupt(x: Tensor, corruption: Corruption, amount: float, generator: torch.Generator) -> Tensor:
    """x [..., D] with independent noise on each pixel; ``none`` returns x itself and draws nothing.

    ``masking`` sets a pixel to 0 with probability ``amount``; ``salt_and_pepper`` sets it to 0 or 1, with equal odds,
    with that probability; ``gaussian`` adds N(0, amount^2) without clipping: encoders accept any number, and on pixels
    of 0 and 1, of which most images consist, clipped noise would be one-sided, hence biased and half as large.
    Source: Vincent et al. 2010, "Stacked denoising autoencoders", section 3.3.

    >>> corrupt(torch.ones(1, 3), "masking", 1.0, torch.Generator())
    tensor([[0., 0., 0.]])
    """
    if corruption == "none":
        return x
    if corruption == "gaussian":
        return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype).mul_(amount).add_(x)
    uniform = torch.rand(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    noise = 0.0 if corruption == "masking" else (uniform < amount / 2).to(x.dtype)  # below `amount`, a fair coin
    return torch.where(uniform < amount, noise, x)
