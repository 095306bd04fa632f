"""The divisor of the values, if the user gives none: known from the format, never guessed."""

from __future__ import annotations

from typing import Literal

import numpy as np

from bench.data.reading import Read
from bench.errors import DataError

DARK = 31  # images of 8 bits that are darker everywhere may be no images


def divisor(read: Read, divide_by: float | Literal["auto"], where: str) -> float:
    """Return ``divide_by`` or, for ``auto``, the value of white; 1 for numbers that are not pixels.

    8-bit integers are pixels if some of them need all 8 bits, that is, if one is above 127.  The format of images says
    what is white, so that one above 31 is enough: an image of numbers, such as classes, has lower ones.  Raises
    DataError if that leaves open what is meant.

    >>> divisor(Read(np.array([[0, 200]], np.uint8), []), "auto", "x.npy")
    255.0
    """
    values = read.values
    if divide_by != "auto":
        return divide_by
    if values.dtype.kind != "u" or values.dtype.itemsize > (2 if read.is_image else 1):
        return 1.0
    white, peak = int(np.iinfo(values.dtype).max), int(values.max(initial=0))
    if peak == 0 and read.is_image:
        raise DataError(f"The images of {where} are all black: check how they were saved, or write divide_by={white}.")
    if peak > (DARK if read.is_image and white == 255 else white // 2):
        return float(white)
    low, bits = int(values.min(initial=0)), 8 * values.dtype.itemsize
    as_is = "bits" if peak <= 1 else "numbers as they are"
    largest = f", divide_by={peak} if {peak} is the largest value there can be" if peak > 1 else ""
    raise DataError(
        f"{where} holds {bits}-bit integers from {low} to {peak}, which may be {as_is} or dark pixels: "
        f"write divide_by=1 for {as_is}, divide_by={white} for pixels{largest}."
    )
