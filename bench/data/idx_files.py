"""The idx format of MNIST and its relatives, plain or packed by gzip."""

from __future__ import annotations

import gzip
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data.limits import check_size, gunzip
from bench.errors import DataError

Array = npt.NDArray[Any]

NAME = re.compile(r".*(idx\d?-(ubyte|byte|short|int|float|double)|\.idx\d?)(\.gz)?", re.IGNORECASE)
GZIP = b"\x1f\x8b"
LONGEST_HEADER = 4 + 4 * 255  # bytes
TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def is_idx(path: Path) -> bool:
    """Whether a file is named like one: train-images-idx3-ubyte, x.idx, with or without .gz."""
    return NAME.fullmatch(path.name) is not None


def read_idx(path: Path) -> tuple[Array, list[str]]:
    """Read the array of an idx file; its header limits how much is unpacked."""
    with path.open("rb") as stream:
        is_packed = stream.read(2) == GZIP
    with gzip.open(path) if is_packed else path.open("rb") as stream:
        dtype, shape = _header(stream.read(LONGEST_HEADER), str(path))
    size, held = 4 + 4 * len(shape) + dtype.itemsize * math.prod(shape), path.stat().st_size
    if held > size + 2**20:  # packed or not
        raise ValueError(f"its header declares {size:,} bytes, and {held:,} are there")
    return parse(gunzip(path.read_bytes(), size), str(path)), []


def parse(content: bytes, where: str) -> Array:
    """Return the array in the bytes of an idx file; raises DataError or ValueError if they are not an idx file."""
    dtype, shape = _header(content, where)
    start = 4 + 4 * len(shape)
    needed, held = dtype.itemsize * math.prod(shape), len(content) - start
    if needed != held:
        raise ValueError(f"its header declares {needed:,} bytes of values, and {held:,} are there")
    return np.frombuffer(content, dtype, offset=start).reshape(shape)


def _header(content: bytes, where: str) -> tuple[np.dtype[Any], tuple[int, ...]]:
    """The type and the shape, checked."""
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in TYPES:
        raise ValueError("it does not begin as idx files do: two zeros, the type, the number of dimensions")
    end = 4 + 4 * content[3]
    if len(content) < end:
        raise ValueError("it ends within its header")
    shape = tuple(int(size) for size in np.frombuffer(content[4:end], ">u4"))
    if len(shape) > 3:
        raise DataError(f"{where} must have at most 3 dimensions (got {len(shape)}): give [N, D] or [N, H, W].")
    check_size(shape, where)
    return np.dtype(TYPES[content[2]]), shape
