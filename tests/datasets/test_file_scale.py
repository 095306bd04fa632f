"""What values are divided by: what the user said, what a format says, and never a guess."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from bench import seeds
from bench.dataset import Data
from bench.datasets.file import File
from bench.errors import DataError

BITS = np.random.default_rng(0).integers(0, 2, (20, 12))
LEVELS = np.random.default_rng(0).integers(0, 256, (20, 12))


def load(path: Path, array: np.ndarray, **settings: object) -> Data:
    np.save(path / "a.npy", array)
    return File(path=str(path / "a.npy"), **settings).load(seeds.generator("data", 0))


def rows(data: Data) -> list[list[float]]:
    return sorted(torch.cat([data.x_train, data.x_test]).tolist())


def flat(array: np.ndarray) -> list[list[float]]:
    return sorted(array.astype(np.float32).tolist())


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "int32", "int64", "float16", "float32", "float64", ">i2"])
def test_bits_of_every_type_but_one_are_bits(tmp_path: Path, dtype: str) -> None:
    assert rows(load(tmp_path, BITS.astype(dtype))) == flat(BITS)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (BITS, "from 0 to 1, which may be bits or dark pixels: write divide_by=1 for bits, divide_by=255 for pixels."),
        (BITS * 0, "from 0 to 0, which may be bits"),
        (LEVELS % 8, "divide_by=1 for numbers as they are, divide_by=255 for pixels, divide_by=7 if 7 is the largest"),
        (LEVELS % 101, "divide_by=100 if 100 is the largest value"),
        (LEVELS % 128, "from 0 to 127"),
    ],
    ids=["bits", "zeros", "octal", "percent", "half"],
)
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_8_bit_integers_that_may_be_numbers_or_pixels_are_refused(
    tmp_path: Path, array: np.ndarray, words: str, likelihood: str
) -> None:
    with pytest.raises(DataError) as error:
        load(tmp_path, array.astype(np.uint8), likelihood=likelihood)
    assert words in str(error.value)


@pytest.mark.parametrize("divide_by", [1, 255, 7])
def test_the_option_decides(tmp_path: Path, divide_by: float) -> None:
    data = load(tmp_path, BITS.astype(np.uint8), divide_by=divide_by)
    np.testing.assert_allclose(rows(data), np.array(flat(BITS)) / divide_by, rtol=1e-6)


@pytest.mark.parametrize("array", [BITS * 255, LEVELS, np.minimum(LEVELS, 128)], ids=["0 and 255", "levels", "128"])
def test_values_that_need_8_bits_are_pixels(tmp_path: Path, array: np.ndarray) -> None:
    data = load(tmp_path, array.astype(np.uint8))
    np.testing.assert_allclose(rows(data), np.array(flat(array)) / 255, rtol=1e-6)
    assert "divided by 255" in data.understood


@pytest.mark.parametrize("dtype", ["int16", "uint16", "int64", "float16", "float32"])
def test_nothing_else_is_divided(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(DataError, match=r"needs data in \[0, 1\] \(got 0 to 255\)"):
        load(tmp_path, np.append(LEVELS, [[0] * 11 + [255]], 0).astype(dtype))
    data = load(tmp_path, LEVELS.astype(dtype), likelihood="gaussian")
    assert rows(data) == flat(LEVELS)
    assert f"{dtype} from {LEVELS.min()} to {LEVELS.max()}, as given" in data.understood


def test_zero_is_no_divisor() -> None:
    with pytest.raises(ValueError, match="`divide_by` of file must be a number above 0 or 'auto'"):
        File(path="x.npy", divide_by=0)
