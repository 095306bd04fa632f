"""Arrays in MATLAB files of versions 4 to 7.2, unpacked no further than their declared size allows."""

from __future__ import annotations

import io
import math
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.data import array_files
from bench.data.limits import MAX_WHOLE, check_bytes, check_size, inflate
from bench.errors import DataError

Array = npt.NDArray[Any]

HEADER = 128  # bytes before the first element, from version 5 on
COMPRESSED = 15  # the type of an element that zlib has packed
OVERHEAD = 4096  # bytes of an element besides its values: names, sizes, padding


def read_mat(path: Path, key: str, datapoints: str) -> tuple[Array, list[str]]:
    """Read the variable ``key`` of a .mat file; if ``key`` is empty, the variable ``x`` or the only one.

    In MATLAB, datapoints are as often columns as rows, so the axis must be specified.
    """
    check_bytes(path, MAX_WHOLE)
    raw = path.read_bytes()
    if raw.startswith((b"MATLAB 7.3", b"\x89HDF")):
        raise DataError(f"{path} is a MATLAB file of version 7.3: save it with '-v7', or as .npy.")
    variables = _variables(raw)
    wanted = array_files.choose(list(variables), key, path)
    shape, kind = variables[wanted]
    if datapoints == "auto":
        sizes = " x ".join(map(str, shape))
        raise DataError(
            f"'{wanted}' in {path} is {sizes}, and .mat files do not say which axis is that of the datapoints: write "
            f"datapoints=first if there are {shape[0]}, datapoints=last if there are {shape[-1]}."
        )
    values = load(raw, wanted, shape, str(path))
    return values.astype(bool) if kind == "logical" else values, array_files.left_out(list(variables), wanted)


def load(raw: bytes, name: str, shape: tuple[int, ...], where: str) -> Array:
    """The numeric variable ``name``, which must be declared with this ``shape``."""
    from scipy.io import loadmat

    declared = _variables(raw).get(name)
    if declared is None or declared[0] != shape:
        raise DataError(f"{where} must hold '{name}' of {list(shape)} (got {declared}).")
    if len(shape) > 3:
        raise DataError(f"'{name}' in {where} must be [N, D] or [N, H, W] (got {list(shape)}).")
    check_size(shape, where)
    _check_unpacked_size(raw, name, 8 * math.prod(shape) + OVERHEAD)
    values = loadmat(io.BytesIO(raw), variable_names=[name])[name]
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "buif":
        raise DataError(
            f"'{name}' in {where} must be a full array of real numbers (got {getattr(values, 'dtype', type(values))}): "
            "save it as single or double."
        )
    return values


def declared_shape(raw: bytes, name: str) -> tuple[int, ...]:
    """The shape of a variable, by its header; raises ValueError if there is no such variable."""
    declared = _variables(raw)
    if name not in declared:
        raise ValueError(f"it must hold '{name}' (got {', '.join(declared) or 'nothing'})")
    return declared[name][0]


def _variables(raw: bytes) -> dict[str, tuple[tuple[int, ...], str]]:
    """The declared shape and type of each variable, by its name."""
    from scipy.io import whosmat

    return {name: (tuple(int(size) for size in shape), kind) for name, shape, kind in whosmat(io.BytesIO(raw))}


def _check_unpacked_size(raw: bytes, name: str, largest: int) -> None:
    """Raise ValueError if the packed element of this name unpacks to more than ``largest`` bytes."""
    order = {b"IM": "<", b"MI": ">"}.get(raw[126:128])
    position = HEADER
    while order and position + 8 <= len(raw):
        kind, size = struct.unpack(f"{order}II", raw[position : position + 8])
        packed = raw[position + 8 : position + 8 + size]
        is_wanted = kind == COMPRESSED and name.encode() in _start_of(packed)
        if is_wanted and len(inflate(packed, largest + 1)) > largest:
            raise ValueError(f"'{name}' unpacks to more than its declared size")
        position += 8 + size


def _start_of(packed: bytes) -> bytes:
    """The first bytes of a packed element, which hold its name; of a damaged one, none."""
    try:
        return zlib.decompressobj().decompress(packed, OVERHEAD)
    except zlib.error:
        return b""
