"""A user's own data, from a file or a folder of images."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch

from bench.data import scale
from bench.data.reading import Read, ReadOptions, read
from bench.data.split import split
from bench.dataset import Data, Dataset
from bench.errors import DataError
from bench.models.observation import observation_model
from bench.options import option

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class FileOptions(ReadOptions):
    """Options of `file`."""

    likelihood: str = option("bernoulli", "the observation model p(x|z); gaussian for values outside [0, 1]")
    num_test: int = option(0, "number of datapoints held out at random; 0: a fifth", unit="datapoints", minimum=0)
    divide_by: float | Literal["auto"] = option(
        "auto", "divisor of all values; auto: 255 for 8-bit pixels, otherwise 1, and refuse what may be either", above=0
    )
    rows: int = option(0, "image rows, if the array is [N, D]; 0: the most nearly square image", minimum=0)


class File(Dataset[FileOptions]):
    """Your own data: an array, a table or a folder of images; one datapoint per row or image.

    Arrays [N, D] or [N, H, W] of any numeric type are read from .npy, .npz, .mat, .csv, .tsv and idx files, or from a
    folder of images, and are split at random.  Values must lie in [0, 1], unless ``likelihood`` is Gaussian; pixels are
    divided by 255.  Ambiguous data are refused; options resolve the ambiguity.  A relative path starts from the working
    directory.  Instead of ``file[path=x.npy]`` you may write ``x.npy``.
    """

    Options = FileOptions

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; ``generator`` determines the split."""
        o = self.options
        found = read(o)
        array = found.values
        if array.ndim not in {2, 3} or 0 in array.shape or len(array) < 2:
            raise DataError(f"{o.path} must be [N, D] or [N, H, W] with N of at least 2 (got {list(array.shape)}).")
        divisor = scale.divisor(found, o.divide_by, o.path)
        x = _scaled(array, divisor, o.path)
        bounded = bool(x.min() >= 0 and x.max() <= 1)
        values = torch.from_numpy(x)
        refusal = observation_model(o.likelihood).refusal(values)
        if refusal:
            raise DataError(
                f"{o.path} does not suit likelihood={o.likelihood}, which {refusal}: rescale its values, for instance "
                "by divide_by=255, or set likelihood=gaussian."
            )
        image_shape = _image_shape(array.shape, o.rows, o.path)
        train, test = split(len(x), o.num_test or max(1, len(x) // 5), generator)
        return Data(
            x_train=values[train],
            x_test=values[test],
            image_shape=image_shape,
            observation_model=o.likelihood,
            pixels=_words(x, bounded, divisor),
            bounded=bounded,
            understood=_understood(found, divisor, image_shape, len(train), len(test), o.path),
        )


def _scaled(array: Array, divisor: float, path: str) -> npt.NDArray[np.float32]:
    """The array divided by ``divisor``: [N, D] float32, all finite."""
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


def _image_shape(shape: tuple[int, ...], rows: int, path: str) -> tuple[int, int]:
    """(rows, columns): from the file or, for D values, with ``rows`` rows, or as nearly square as possible if 0."""
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


def _understood(
    found: Read, divisor: float, image_shape: tuple[int, int], num_train: int, num_test: int, path: str
) -> str:
    """The text of `Data.understood`."""
    values = found.values
    size = " x ".join(map(str, image_shape))
    what = f"images of {size} pixels" if found.is_image else f"arrays of {size} values"
    if values.ndim == 2:
        what = f"rows of {values.shape[1]} values, taken as {size} images"
    low, high = (f"{float(end):.4g}" for end in (values.min(), values.max()))
    treated = "as given" if divisor == 1 else f"divided by {divisor:g}"
    parts = [
        f"{len(values):,} {what}",
        *found.words,
        f"{values.dtype} from {low} to {high}, {treated}",
        f"{num_train:,} for training and {num_test:,} for testing",
    ]
    return f"{path}: {'; '.join(parts)}."
