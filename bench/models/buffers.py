"""Memory for intermediate results, kept from one update to the next."""

from __future__ import annotations

import torch
from torch import Tensor


class Buffers:
    """Tensors by name; new memory is what a small model's update would spend most of its time on.

    >>> buffers = Buffers()
    >>> buffers.like("z", torch.zeros(3)) is buffers.like("z", torch.ones(3))
    True
    """

    def __init__(self) -> None:
        """None yet."""
        self._tensors: dict[str, Tensor] = {}

    def like(self, name: str, other: Tensor) -> Tensor:
        """The buffer of this name, of the shape, precision and device of another tensor; its content is arbitrary."""
        buffer = self._tensors.get(name)
        if buffer is None or buffer.shape != other.shape:
            with torch.inference_mode(mode=False):  # else it could be used in inference mode only
                buffer = self._tensors[name] = torch.empty_like(other, memory_format=torch.contiguous_format)
        return buffer

    def clear(self) -> None:
        """Give up all of them."""
        self._tensors.clear()
