"""A user's own data, from a file or a folder of images."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from bench.data.array_files import read_array
from bench.data.split import split
from bench.dataset import Data, Dataset
from bench.errors import DataError
from bench.models.observation import observation_model
from bench.options import option

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FileOptions:
    """Options of `file`."""

    path: str = option(dataclasses.MISSING, "a .npy, .npz or .csv file, or a folder of images")
    likelihood: str = option("bernoulli", "the observation model p(x|z); gaussian for values outside [0, 1]")
    num_test: int = option(0, "number of datapoints held out at random; 0: a fifth", unit="datapoints", minimum=0)
    divide_by: float = option(0, "divisor of all values; 0: 255 for 8-bit integers and images, otherwise 1", minimum=0)
    rows: int = option(0, "image rows, if the array is [N, D]; 0: the most nearly square image", minimum=0)
    key: str = option("", "name of the array in an .npz file; empty: x, or the only one")


class File(Dataset[FileOptions]):
    """Your own data: a .npy, .npz or .csv file, or a folder of images; one datapoint per row or image.

    [N, D] or [N, H, W] of any numeric type; 8-bit values are divided by 255; a random split.  Values must lie in
    [0, 1], unless ``likelihood`` is Gaussian.  A .csv file may have one header line.  A relative path starts from the
    working directory.
    """

    Options = FileOptions

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; ``generator`` draws the split."""
        o = self.options
        path = Path(o.path).expanduser()
        array = read_array(path, o.key)
        if array.ndim not in {2, 3} or 0 in array.shape or len(array) < 2:
            raise DataError(f"{path} must be [N, D] or [N, H, W] with N of at least 2 (got {list(array.shape)}).")
        divisor = o.divide_by or (255.0 if array.dtype == np.uint8 else 1.0)
        x = _scaled(array, divisor, path)
        bounded = bool(x.min() >= 0 and x.max() <= 1)
        values = torch.from_numpy(x)
        refusal = observation_model(o.likelihood).refusal(values)
        if refusal:
            raise DataError(
                f"{path} does not suit likelihood={o.likelihood}, which {refusal}: rescale its values, for instance by "
                "divide_by=255, or set likelihood=gaussian."
            )
        train, test = split(len(x), o.num_test or max(1, len(x) // 5), generator)
        return Data(
            x_train=values[train],
            x_test=values[test],
            image_shape=_image_shape(array.shape, o.rows, path),
            observation_model=o.likelihood,
            pixels=_words(x, bounded, divisor),
            bounded=bounded,
        )


def _scaled(array: Array, divisor: float, path: Path) -> npt.NDArray[np.float32]:
    """[N, D] float32, all finite."""
    with np.errstate(over="ignore"):  # values too large for float32 become infinite and are reported below
        x = array.reshape(len(array), -1).astype(np.float32) / np.float32(divisor)
    bad = ~np.isfinite(x)
    if bad.any():
        first = int(bad.any(1).argmax())
        raise DataError(
            f"{path} must hold finite numbers of single precision (got {int(bad.sum())} that are NaN, infinite or too "
            f"large, the first in row {first}, counted from 0): remove or replace them."
        )
    return x


def _image_shape(shape: tuple[int, ...], rows: int, path: Path) -> tuple[int, int]:
    """(rows, columns): the file's, or D values as an image of ``rows``, or as nearly square as D allows."""
    if len(shape) == 3:
        if rows not in {0, shape[1]}:
            raise DataError(f"`rows` must be left out or {shape[1]}, the image rows of {path} (got {rows}).")
        return shape[1], shape[2]
    num_pixels = shape[1]
    if rows and num_pixels % rows:
        raise DataError(f"`rows` must divide {num_pixels}, the number of values per datapoint of {path} (got {rows}).")
    rows = rows or max(r for r in range(1, math.isqrt(num_pixels) + 1) if num_pixels % r == 0)
    return rows, num_pixels // rows


def _words(x: npt.NDArray[np.float32], bounded: bool, divisor: float) -> str:
    """The text of `Data.pixels`."""
    treated = "as given" if divisor == 1 else f"divided by {divisor:g}"
    if ((x == 0) | (x == 1)).all():
        return f"binary values, {treated}"
    return f"values in [0, 1], {treated}" if bounded else f"values, {treated}"
