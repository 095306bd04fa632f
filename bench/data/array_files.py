"""Reads a user's file of numbers or folder of images into one NumPy array, with errors that name the problem."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from bench.errors import DataError

Array = npt.NDArray[Any]
Line = tuple[int, str]  # its number, counted from 1, and its text

GREY_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr")  # at most 8 bits per channel


def read_array(path: Path, key: str = "") -> Array:
    """The array in a .npy, .npz or .csv file, or uint8 [N, H, W] from a folder of images; of real numbers.

    ``key`` names the array of an .npz, see `read_npz`.  Raises DataError with the path, what it holds and what to do.
    """
    readers: dict[str, Callable[[Path], Array]] = {
        ".npy": read_npy,
        ".npz": lambda archive: read_npz(archive, key),
        ".csv": read_csv,
    }
    if path.is_dir():
        return read_folder(path)
    if not path.exists():
        raise DataError(f"{path} does not exist (looked for {path.absolute()}): give the path of a file or folder.")
    if path.suffix.lower() not in readers:
        raise DataError(f"{path} must be a .npy, .npz or .csv file, or a folder of images (got '{path.suffix}').")
    try:
        array = readers[path.suffix.lower()](path)
    except DataError:
        raise
    except Exception as error:  # which one depends on where the file is damaged
        raise DataError(
            f"{path} cannot be read as {path.suffix.lower()} ({error}): it may be truncated or damaged, make it again."
        ) from error
    if array.dtype.kind not in "buif":
        raise DataError(f"{path} must hold real numbers (got dtype {array.dtype}): save it with .astype('float32').")
    return array


def read_npy(path: Path) -> Array:
    """The array of a .npy file, never unpickled."""
    with path.open("rb") as stream:
        return _stored_array(stream, str(path))


def read_npz(path: Path, key: str = "") -> Array:
    """The array ``key`` of an .npz file; if that is empty, the array ``x`` or the only one."""
    with zipfile.ZipFile(path) as archive:  # np.load leaves a damaged archive open
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        wanted = key or ("x" if "x" in names else names[0] if len(names) == 1 else "")
        if wanted not in names:
            needed = f"an array '{key}'" if key else "an array 'x', or a single one"
            listed = ", ".join(names) or "none"
            raise DataError(f"{path} must hold {needed} (it holds: {listed}): name the one to use by key=...")
        with archive.open(f"{wanted}.npy") as stream:
            return _stored_array(stream, f"'{wanted}' in {path}")


def _stored_array(stream: IO[bytes], where: str) -> Array:
    try:
        return np.lib.format.read_array(stream, allow_pickle=False)
    except ValueError as error:
        if "Object arrays" in str(error):
            raise DataError(
                f"{where} must hold a numeric array (got Python objects, which are never unpickled): "
                "save it with .astype('float32')."
            ) from error
        raise


def read_csv(path: Path) -> Array:
    """[N, D] from lines of D comma-separated numbers; a first line that is not all numbers is a header."""
    text = path.read_text(encoding="utf-8-sig").splitlines()
    lines = [(number, line) for number, line in enumerate(text, 1) if line.strip()]
    if lines and not all(map(_is_number, lines[0][1].split(","))):
        del lines[0]
    if not lines:
        raise DataError(f"{path} must hold lines of comma-separated numbers (got {len(text)} lines without any).")
    try:
        return np.loadtxt([line for _, line in lines], delimiter=",", ndmin=2, comments=None)
    except ValueError as error:
        raise DataError(f"{path} must {_broken_rule(lines) or f'be plain CSV ({error})'}.") from error


def _broken_rule(lines: list[Line]) -> str:
    """The requirement that the first ragged or non-numeric line violates (columns from 1); empty if none does."""
    first, width = lines[0][0], lines[0][1].count(",") + 1
    for number, line in lines:
        fields = line.split(",")
        if len(fields) != width:
            return (
                f"have equally many values in every line (got {width} in line {first}, {len(fields)} in line {number})"
            )
        for column, field in enumerate(fields, 1):
            if not _is_number(field):
                return f"hold comma-separated numbers (got '{field.strip()}' in line {number}, column {column})"
    return ""


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True


def read_folder(folder: Path) -> Array:
    """uint8 [N, H, W] from a folder's images in the order of their names, colours turned grey.

    Files whose names begin with a dot are skipped, and so are subfolders.  Raises DataError if there is no image, if a
    file is not one, or if the sizes differ.
    """
    paths = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    if not paths:
        raise DataError(f"The folder {folder} must hold images (it holds no files; subfolders are not searched).")
    images = [_image(path) for path in paths]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            first, other = (f"{rows} x {columns}" for rows, columns in (images[0].shape, image.shape))
            raise DataError(
                f"The images of {folder} must have the same size (got {first} in {paths[0].name}, {other} in "
                f"{path.name}, rows x columns): resize or remove the odd ones."
            )
    return np.stack(images)


def _image(path: Path) -> Array:
    """uint8 [H, W]."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            mode, grey = image.mode, np.asarray(image.convert("L"))
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise DataError(
            f"{path} must be an image that Pillow can read ({error}): remove it from the folder or replace it."
        ) from error
    if mode not in GREY_MODES:
        raise DataError(
            f"{path} must have 8 bits per channel (got mode {mode}): convert it, or give the data as a .npy file."
        )
    return grey
