"""Reads a user's file of numbers or folder of images, and says in words what it was understood to be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from bench.data import array_files, idx_files, images, mat_files, tables
from bench.data.limits import check_size
from bench.data.paths import locate
from bench.errors import DataError
from bench.options import option

Array = npt.NDArray[Any]
Reader = Callable[["ReadOptions", Path], tuple[Array, list[str]]]

FORMATS = ".npy, .npz, .mat, .csv, .tsv or idx file, or a folder of images"


@dataclass(frozen=True)
class ReadOptions:
    """Options of reading a file or a folder."""

    path: str = option(dataclasses.MISSING, f"a {FORMATS}", location=True)
    key: str = option("", "name of the array in a .npz or .mat file; empty: x, or the only one")
    datapoints: Literal["auto", "first", "last"] = option(
        "auto", "the axis of the datapoints in an array; auto: the first, except in .mat files, which must say"
    )
    header: Literal["auto", "yes", "no"] = option("auto", "whether the first line of a table is its heading")
    drop: str = option(
        "auto",
        "columns of a table to leave out, by names or numbers from 1: drop=label, drop='1,label'; none: keep all; "
        "auto: an index without a name, and refuse what looks like an index or a label",
    )
    background: Literal["none", "black", "white"] = option(
        "none", "what lies behind the transparent pixels of images; none: such images are refused"
    )


@dataclass(frozen=True)
class Read:
    """The data that were read: real values [N, D] or [N, H, W], and how they were interpreted, in words."""

    values: Array
    words: list[str]
    is_image: bool = False  # the format says which value is white: the largest that it can hold


def read(options: ReadOptions) -> Read:
    """Read what ``options.path`` names; raises DataError with the path, what it holds and what to do."""
    path = locate(options.path)
    name, (reader, used) = _format(path)
    _refuse_unused(options, path, used)
    try:
        values, words = reader(options, path)
    except DataError as error:
        raise DataError(_printable(str(error))) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read ({error.strerror or error}): check its permissions.") from error
    except MemoryError as error:
        raise DataError(f"{path} does not fit into memory: use a part of it.") from error
    except Exception as error:  # which one depends on where the file is damaged
        raise DataError(
            f"{path} cannot be read as {name} ({_brief(error)}): it may be truncated or damaged, make it again."
        ) from error
    if values.dtype.kind not in "buif":
        raise DataError(f"{path} must hold real numbers (got dtype {values.dtype}): save it with .astype('float32').")
    if options.datapoints == "last":
        values = np.moveaxis(values, -1, 0)
    check_size(values.shape, str(path))
    return Read(values, [_printable(each, 300) for each in words], is_image=path.is_dir())


def _format(path: Path) -> tuple[str, tuple[Reader, tuple[str, ...]]]:
    """The name of the format, its reader, and the options that it uses; raises DataError for another suffix."""
    suffix = path.suffix.lower()
    name = "a folder" if path.is_dir() else "idx" if idx_files.is_idx(path) else suffix
    if name not in READERS:
        raise DataError(f"{path} must be a {FORMATS} (got '{suffix}').")
    return name, READERS[name]


def _refuse_unused(options: ReadOptions, path: Path, used: tuple[str, ...]) -> None:
    """Refuse options that have no effect for this format."""
    for field in dataclasses.fields(ReadOptions):
        value = getattr(options, field.name)
        if field.name not in ("path", *used) and value != field.default:
            raise DataError(f"`{field.name}` has no effect on {path} (got {value}): leave it out.")


def _brief(error: BaseException) -> str:
    return _printable(str(error).strip().split("\n")[0] or type(error).__name__, 300)


def _printable(text: str, longest: int = 1200) -> str:
    """A text that quotes a file, on one line and without what a terminal would obey."""
    shown = "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
    return shown if len(shown) <= longest else f"{shown[: longest - 250]} ... {shown[-240:]}"


# By format: the reader, and the options that it uses.
READERS: Mapping[str, tuple[Reader, tuple[str, ...]]] = {
    ".npy": (lambda _, path: array_files.read_npy(path), ("datapoints",)),
    ".npz": (lambda options, path: array_files.read_npz(path, options.key), ("key", "datapoints")),
    ".mat": (lambda options, path: mat_files.read_mat(path, options.key, options.datapoints), ("key", "datapoints")),
    ".csv": (lambda options, path: tables.read_table(path, options.header, options.drop), ("header", "drop")),
    ".tsv": (lambda options, path: tables.read_table(path, options.header, options.drop), ("header", "drop")),
    "idx": (lambda _, path: idx_files.read_idx(path), ()),
    "a folder": (lambda options, path: images.read_folder(path, options.background), ("background",)),
}
