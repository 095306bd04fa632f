"""Arrays that NumPy has saved, .npy and .npz: sizes are checked before anything is allocated, nothing is unpickled."""

from __future__ import annotations

import math
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy

from bench.data.limits import check_size
from bench.errors import DataError

Array = npt.NDArray[Any]

HEADERS = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
NUM_SHOWN = 10  # names of arrays in a message


def read_npy(path: Path) -> tuple[Array, list[str]]:
    """Read the array of a .npy file."""
    with path.open("rb") as stream:
        return _array(stream, path.stat().st_size, str(path)), []


def read_npz(path: Path, key: str = "") -> tuple[Array, list[str]]:
    """Read the array ``key`` of an .npz file; if ``key`` is empty, the array ``x`` or the only one."""
    with zipfile.ZipFile(path) as archive:  # np.load leaves a damaged archive open
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        wanted = choose(names, key, path)
        member = archive.getinfo(f"{wanted}.npy")
        with archive.open(member) as stream:
            values = _array(stream, member.file_size, f"'{wanted}' in {path}")
    return values, left_out(names, wanted)


def choose(names: Sequence[str], key: str, path: Path) -> str:
    """Return the name of the array to use: ``key``, or x, or the only one; raises DataError if that is ambiguous."""
    wanted = key or ("x" if "x" in names else names[0] if len(names) == 1 else "")
    if names.count(wanted) != 1:
        needed = f"an array '{key}'" if key else "an array 'x', or a single one"
        held = ", ".join(names[:NUM_SHOWN]) + (", ..." if len(names) > NUM_SHOWN else "") or "none"
        raise DataError(f"{path} must hold {needed} (it holds: {held}): name the one to use by key=...")
    return wanted


def left_out(names: Sequence[str], wanted: str) -> list[str]:
    """The error message for a file with several arrays."""
    others = [name for name in names if name != wanted]
    shown = ", ".join(others[:NUM_SHOWN]) + (", ..." if len(others) > NUM_SHOWN else "")
    return [f"array '{wanted}'; not used: {shown}"] if others else []


def _array(stream: IO[bytes], size: int, where: str) -> Array:
    """The array in a stream of ``size`` bytes, whose header is believed only if it says just that."""
    version = npy.read_magic(stream)
    if version not in HEADERS:
        raise DataError(f"{where} must be of .npy version 1 or 2 (got {version[0]}.{version[1]}): save it by np.save.")
    shape, is_fortran, dtype = HEADERS[version](stream)
    if dtype.hasobject:
        raise DataError(
            f"{where} must hold a numeric array (got Python objects, which are never unpickled): "
            "save it with .astype('float32')."
        )
    check_size(shape, where)
    needed, held = math.prod(shape) * dtype.itemsize, size - stream.tell()
    if needed != held:
        raise ValueError(f"its header declares {needed:,} bytes of values, and {held:,} are there")
    content = stream.read(needed)
    if len(content) != needed or stream.read(1):
        raise ValueError("it ends too early or too late")
    flat = np.frombuffer(content, dtype)
    return flat.reshape(shape[::-1]).T if is_fortran else flat.reshape(shape)
