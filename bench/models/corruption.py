"""Corruptions of x for denoising: what an encoder sees of a datapoint in place of it."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Corruption = Literal["none", "masking", "salt_and_pepper", "gaussian"]


def corrupt(x: Tensor, corruption: Corruption, amount: float, generator: torch.Generator) -> Tensor:
    """x [..., D] with noise, each pixel independently of the others; ``none`` gives x itself and draws nothing.

    ``masking`` sets a pixel to 0 with probability ``amount``; ``salt_and_pepper`` with that probability to 0 or 1, at
    equal odds; ``gaussian`` adds N(0, amount^2) and does not clip: an encoder reads any number, and clipped noise
    would be one-sided, and so biased and half as much, on pixels of 0 and 1, which is what most images consist of.
    Source: Vincent et al. 2010, "Stacked denoising autoencoders", section 3.3.
    """
    if corruption == "none":
        return x
    if corruption == "gaussian":
        return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype).mul_(amount).add_(x)
    uniform = torch.rand(x.shape, generator=generator, device=x.device, dtype=x.dtype)
    noise = 0.0 if corruption == "masking" else (uniform < amount / 2).to(x.dtype)  # below `amount`, a fair coin
    return torch.where(uniform < amount, noise, x)
