"""Data in blocks, so that memory does not grow with their number."""

from __future__ import annotations

from torch import Tensor

# Datapoints are taken in blocks of so many pixels.  A constant, because the blocks set the order of the draws.
BLOCK_PIXELS = 2**20


def blocks(x: Tensor, num_chains: int = 1) -> list[Tensor]:
    """x [N, D] in blocks of BLOCK_PIXELS at most, ``num_chains`` times counted, so that memory does not grow with N."""
    return list(x.split(max(1, BLOCK_PIXELS // (num_chains * x.shape[1]))))
