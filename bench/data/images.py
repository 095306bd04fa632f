"""A folder of images as one array of grey values; content that would be lost in that is refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from bench.data.limits import check_size
from bench.errors import DataError

if TYPE_CHECKING:
    from PIL.Image import Image

Array = npt.NDArray[Any]

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "TIFF", "PPM", "WEBP")
COLOURS = ("RGB", "RGBA", "P", "PA", "YCbCr")  # 8 bits per channel, turned grey by ITU-R 601-2
GREYS = ("1", "L", "LA")
ORIENTATION = 0x0112  # the EXIF tag


def read_folder(folder: Path, background: str = "none") -> tuple[Array, list[str]]:
    """Read a folder's images in the order of their names as grey values [N, H, W]: bool, uint8 or uint16.

    The type is bool if all images have 1 bit per pixel.  Files whose names begin with a dot and subfolders are skipped.
    Raises DataError if there is no image, if a file is not an image, if sizes or depths differ, or if a file has
    several frames.
    """
    entries = sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    paths = [entry for entry in entries if not entry.is_dir()]
    if not paths:
        raise DataError(f"The folder {folder} must hold images (it holds no files; subfolders are not searched).")
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path} must be an image (it is a pipe, a device or a link to nothing): remove it.")
    grey = [_grey(path, background, folder, len(paths)) for path in paths]
    images = [image for image, _ in grey]
    for path, image in zip(paths, images, strict=True):
        if image.shape != images[0].shape:
            first, other = (f"{rows} x {columns}" for rows, columns in (images[0].shape, image.shape))
            raise DataError(
                f"The images of {folder} must have the same size (got {first} in {paths[0].name}, {other} in "
                f"{path.name}, rows x columns): resize or remove the odd ones."
            )
    skipped = len(entries) - len(paths)
    notes = dict.fromkeys(note for _, each in grey for note in each)
    return _stacked(images, paths, folder), [*notes, *([f"{skipped} subfolders not searched"] if skipped else [])]


def _stacked(images: list[Array], paths: list[Path], folder: Path) -> Array:
    """One array of one type; zeros and ones of 1-bit images become 0 and 255 beside grey ones."""
    kinds = {image.dtype for image in images}
    if np.dtype(np.uint16) in kinds and len(kinds) > 1:
        examples = {image.dtype: path.name for path, image in zip(paths, images, strict=True)}
        deep = examples.pop(np.dtype(np.uint16))
        other = next(iter(examples.values()))
        raise DataError(
            f"The images of {folder} must have equally many bits per pixel (16 in {deep}, fewer in {other}): convert "
            "the odd ones."
        )
    if len(kinds) > 1:
        images = [image.astype(np.uint8) * 255 if image.dtype == bool else image for image in images]
    return np.stack(images)


def _grey(path: Path, background: str, folder: Path, count: int) -> tuple[Array, list[str]]:
    """[H, W], upright, and what was done to the image."""
    from PIL import Image, ImageOps

    try:
        # Opened as a stream, because Pillow maps files by name into memory, and then turns some TIFFs wrongly.
        with path.open("rb") as stream, Image.open(stream, formats=FORMATS) as image:
            columns, rows = image.size
            check_size((count, rows, columns), f"The folder {folder}")
            _check_content(image, path)
            is_turned = image.getexif().get(ORIENTATION, 1) not in (0, 1)
            upright = ImageOps.exif_transpose(image)
            notes = ["turned as the camera says"] if is_turned else []
            values, words = _flat(upright, background, path)
    except DataError:
        raise
    except Exception as error:  # Pillow raises many kinds for damaged files
        what = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(
            f"{path} must be an image, {', '.join(FORMATS[:-1])} or {FORMATS[-1]} ({what}): remove it from the folder "
            "or replace it."
        ) from error
    return values, [*notes, *words]


def _check_content(image: Image, path: Path) -> None:
    """Raise DataError for content that a single grey image of 8 or 16 bits cannot represent."""
    frames = getattr(image, "n_frames", 1)
    if frames > 1:
        raise DataError(f"{path} must be a single image (it has {frames} frames or pages): save each as a file.")
    if image.mode.startswith("I;16") and "transparency" not in image.info:
        return
    if image.mode not in (*COLOURS, *GREYS) or _is_deep(image):
        raise DataError(
            f"{path} must have 8 bits per channel, or be grey with 16 (got mode {image.mode}"
            f"{' from more bits' if _is_deep(image) else ''}): convert it, or give the data as a .npy file."
        )


def _is_deep(image: Image) -> bool:
    """Whether the file has more bits per channel than Pillow returns: it truncates colours to 8 bits."""
    tiles: Any = getattr(image, "tile", ())  # each says how a part of the file is decoded
    for tile in tiles:
        arguments = tile[3] if isinstance(tile[3], tuple) else (tile[3],)
        is_large = image.format == "PPM" and any(isinstance(each, int) and each > 255 for each in arguments)
        if is_large or any(";16" in str(each) for each in arguments):
            return True
    return False


def _flat(image: Image, background: str, path: Path) -> tuple[Array, list[str]]:
    """[H, W] of an image that has no frames, turned grey and laid on the ``background``."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16), ["16-bit images"]
    if image.mode == "1" and "transparency" not in image.info:
        return np.asarray(image, dtype=bool), []
    words = ["colours turned grey"] if _has_colour(image) else []
    if not image.has_transparency_data:
        return np.asarray(image.convert("L")), words
    import PIL.Image

    layer = image.convert("RGBA")
    if int(np.asarray(layer)[..., 3].min()) == 255:
        return np.asarray(layer.convert("RGB").convert("L")), words
    if background == "none":
        raise DataError(
            f"{path} has transparent pixels, whose grey value depends on what lies behind them: write background=white "
            "or background=black."
        )
    ground = PIL.Image.new("RGBA", layer.size, background)
    flat = PIL.Image.alpha_composite(ground, layer).convert("RGB").convert("L")
    return np.asarray(flat), [*words, f"transparent pixels on {background}"]


def _has_colour(image: Image) -> bool:
    if image.mode in GREYS:
        return False
    red, green, blue = np.moveaxis(np.asarray(image.convert("RGB")), -1, 0)
    return bool((red != green).any() or (green != blue).any())
