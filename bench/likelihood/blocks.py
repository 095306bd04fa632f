"""Data in blocks, so that memory does not grow with the number of datapoints."""

from __future__ import annotations

from torch import Tensor

# Largest number of pixels in a block.  A constant, because the blocks determine the order of the draws.
BLOCK_PIXELS = 2**20


def blocks(x: Tensor, num_chains: int = 1) -> list[Tensor]:
    """x [N, D] in blocks of at most ``BLOCK_PIXELS / num_chains`` values, so that memory does not grow with N."""
    return list(x.split(max(1, BLOCK_PIXELS // (num_chains * x.shape[1]))))
