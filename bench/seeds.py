"""Random streams, each derived from what it is for, never from when it is drawn.

A stream's seed is a hash of an unambiguous encoding of its parts, such as ``("minibatches", seed, epoch)``: neither the
order of trials nor the number of workers can change a result.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def encode(parts: object) -> str:
    """Canonical JSON: keys sorted, no spaces, NaN refused; equal text means equal content."""
    return json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(parts: object) -> str:
    """SHA-256 of the canonical encoding, as hexadecimal text."""
    return hashlib.sha256(encode(parts).encode()).hexdigest()


def derive(*parts: object) -> int:
    """A seed of 63 bits from the parts of a stream's name."""
    return int(digest(parts)[:16], 16) >> 1


def generator(*parts: object, device: torch.device | str = "cpu") -> torch.Generator:
    """A new generator for the stream that ``parts`` name, on ``device``."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(*parts))
