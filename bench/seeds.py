"""Random streams, each derived from its purpose rather than from the order in which it is used.

The seed of a stream is a hash of the parts of its name, such as ``("minibatches", seed, epoch)``, in an unambiguous
encoding. Neither the order of trials nor the number of workers can change a result.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def encode(parts: object) -> str:
    """Encode ``parts`` as canonical JSON (sorted keys, no spaces, no NaN): equal text means equal content."""
    return json.dumps(parts, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(parts: object) -> str:
    """Return the SHA-256 of the canonical encoding, as hexadecimal text."""
    return hashlib.sha256(encode(parts).encode()).hexdigest()


def derive(*parts: object) -> int:
    """Return a 63-bit seed for the stream that ``parts`` name.

    Example:
        >>> derive("minibatches", 0, 1) == derive("minibatches", 0, 1) != derive("minibatches", 0, 2)
        True
    """
    return int(digest(parts)[:16], 16) >> 1


def generator(*parts: object, device: torch.device | str = "cpu") -> torch.Generator:
    """Return a new generator on ``device`` for the stream that ``parts`` name."""
    import torch

    return torch.Generator(device=device).manual_seed(derive(*parts))


def beside(generator: torch.Generator, *parts: object) -> torch.Generator:
    """Return a new generator for the stream that ``parts`` name, derived from the state of another.

    ``generator`` itself is left unchanged: drawing from the new stream does not affect what it yields.
    """
    import torch

    state = generator.get_state().numpy().tobytes().hex()
    return torch.Generator(device=generator.device).manual_seed(derive(*parts, state))
