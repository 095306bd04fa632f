"""Memory for intermediate results, kept from one update to the next."""

from __future__ import annotations

import torch
from torch import Tensor


class Buffers:
    """Tensors by name, reused because an update of a small model would spend most of its time allocating memory.

    >>> buffers = Buffers()
    >>> buffers.like("z", torch.zeros(3)) is buffers.like("z", torch.ones(3))
    True
    """

    def __init__(self) -> None:
        """Start without any buffers."""
        self._tensors: dict[str, Tensor] = {}

    def like(self, name: str, other: Tensor) -> Tensor:
        """The buffer with this name, of the shape, precision and device of another tensor; its content is arbitrary."""
        buffer = self._tensors.get(name)
        if buffer is None or buffer.shape != other.shape:
            with torch.inference_mode(mode=False):  # otherwise it could only be used in inference mode
                buffer = self._tensors[name] = torch.empty_like(other, memory_format=torch.contiguous_format)
        return buffer

    def clear(self) -> None:
        """Release all buffers."""
        self._tensors.clear()
