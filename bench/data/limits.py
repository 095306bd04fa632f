"""How much is read at once: sizes are checked before memory is taken."""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from pathlib import Path

from bench.errors import DataError

MAX_VALUES = 1_000_000_000  # 4 GB as float32
MAX_BYTES = 8 * MAX_VALUES  # of a file: as many values, in double precision
MAX_WHOLE = 2_000_000_000  # bytes of a file that has to be read as a whole


def check_size(shape: Sequence[int], where: str) -> None:
    """Raise DataError if an array of this shape holds more than `MAX_VALUES` values."""
    if any(size < 0 for size in shape):
        raise DataError(f"{where} must have sizes of at least 0 (it declares {list(shape)}): it may be damaged.")
    if math.prod(int(size) for size in shape) > MAX_VALUES:
        sizes = " x ".join(f"{size:,}" for size in shape)
        raise DataError(f"{where} must hold at most {MAX_VALUES:,} values (it declares {sizes}): use a part of it.")


def check_bytes(path: Path, largest: int) -> None:
    """Raise DataError if a file has more than ``largest`` bytes."""
    held = path.stat().st_size
    if held > largest:
        raise DataError(f"{path} must have at most {largest:,} bytes (got {held:,}): use a part of it, or a .npy file.")


def gunzip(packed: bytes, size: int) -> bytes:
    """Return the content of a gzip file, at most ``size`` bytes; bytes without a gzip header are returned unchanged.

    At most one byte more than that is unpacked, whatever the file contains; raises ValueError if there is more.

    >>> import gzip
    >>> gunzip(gzip.compress(b"abc"), 3), gunzip(b"abc", 3)
    (b'abc', b'abc')
    """
    if not packed.startswith(b"\x1f\x8b"):
        return packed
    content = inflate(packed, size + 1, zlib.MAX_WBITS | 16)
    if len(content) > size:
        raise ValueError(f"it unpacks to more than the {size:,} bytes that are expected")
    return content


def inflate(packed: bytes, limit: int, window: int = zlib.MAX_WBITS) -> bytes:
    """The first ``limit`` bytes of what is packed, or all if there are fewer; raises zlib.error if it is damaged.

    The checksum at the end is checked only if the end is reached.
    """
    unpacker = zlib.decompressobj(window)
    content = unpacker.decompress(packed, limit)
    if len(content) < limit and not unpacker.eof:
        raise zlib.error("the packed data end too early")
    return content
