"""A user's data, valid and invalid."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from bench import seeds
from bench.dataset import Data
from bench.datasets.file import File
from bench.errors import DataError, OptionError


def load(path: Path | str, seed: int = 0, **settings: object) -> Data:
    return File(path=str(path), **settings).load(seeds.generator("data", seed))


def rows(data: Data) -> list[list[float]]:
    """All datapoints, in an order that does not depend on the split."""
    return sorted(torch.cat([data.x_train, data.x_test]).tolist())


def error_of(path: Path | str, **settings: object) -> str:
    with pytest.raises(DataError) as error:
        load(path, **settings)
    assert Path(path).name in str(error.value)
    return str(error.value)


@pytest.fixture
def images() -> np.ndarray:
    """uint8 [20, 4, 6]."""
    return np.random.default_rng(0).integers(0, 256, (20, 4, 6), dtype=np.uint8)


@pytest.fixture
def flat(images: np.ndarray) -> list[list[float]]:
    """The values that must be loaded from them."""
    return sorted((torch.tensor(images).reshape(20, 24).float() / 255).tolist())


def save_png(folder: Path, images: np.ndarray) -> Path:
    folder.mkdir()
    for i, image in enumerate(images):
        Image.fromarray(image).save(folder / f"{i:03}.png")
    return folder


def test_npy_of_images(tmp_path: Path, images: np.ndarray, flat: list[list[float]]) -> None:
    np.save(tmp_path / "a.npy", images)
    data = load(tmp_path / "a.npy")
    assert rows(data) == flat
    assert (data.x_train.shape, data.x_test.shape) == ((16, 24), (4, 24))
    assert (data.image_shape, data.observation_model, data.bounded) == ((4, 6), "bernoulli", True)
    assert data.pixels == "values in [0, 1], divided by 255"


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f8", "int64", "bool"])
def test_numbers_of_any_type_are_taken_as_they_are(tmp_path: Path, dtype: str) -> None:
    array = (np.random.default_rng(0).random((10, 6)) > 0.5).astype(dtype)
    np.save(tmp_path / "a.npy", array)
    data = load(tmp_path / "a.npy")
    assert rows(data) == sorted(array.astype(float).tolist())
    assert data.pixels == "binary values, as given"


def test_fortran_order_is_no_different(tmp_path: Path, images: np.ndarray, flat: list[list[float]]) -> None:
    np.save(tmp_path / "a.npy", np.asfortranarray(images))
    data = load(tmp_path / "a.npy")
    assert rows(data) == flat
    assert data.x_train.is_contiguous()


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, images: np.ndarray, flat: list[list[float]], save: object) -> None:
    path = tmp_path / "a.npz"
    assert callable(save)
    save(path, images)
    assert rows(load(path)) == flat
    save(path, y=np.zeros(20), x=images)
    assert rows(load(path)) == flat
    save(path, x=images[:10], x_train=images)
    assert rows(load(path, key="x_train")) == flat
    save(path, one=images, two=images)
    assert "must hold an array 'x', or a single one (it holds: one, two)" in error_of(path)
    assert "must hold an array 'three' (it holds: one, two)" in error_of(path, key="three")
    save(path)
    assert "(it holds: none)" in error_of(path)


@pytest.mark.parametrize(
    "header", ["", "a,b,c\n", "\na,b,c\n", "# a,b,c\n"], ids=["none", "names", "blank line", "mark"]
)
def test_csv_with_and_without_a_header(tmp_path: Path, header: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(header + "0,0.5, 1\n1e-1,0,0\n\n1,1,.25\n", encoding="utf-8-sig")
    data = load(path, num_test=1)
    assert rows(data) == [[0.0, 0.5, 1.0], [pytest.approx(0.1), 0.0, 0.0], [1.0, 1.0, 0.25]]
    assert (data.x_test.shape, data.image_shape) == ((1, 3), (1, 3))


def test_divide_by_rescales_what_is_not_8_bit(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("0,255\n51,102\n")
    assert "does not suit likelihood=bernoulli, which needs data in [0, 1] (got 0 to 255): rescale" in error_of(path)
    data = load(path, divide_by=255)
    assert rows(data) == [[0.0, 1.0], [pytest.approx(0.2), pytest.approx(0.4)]]
    assert data.pixels == "values in [0, 1], divided by 255"


def test_folder_of_images(tmp_path: Path, images: np.ndarray, flat: list[list[float]]) -> None:
    folder = save_png(tmp_path / "faces", images)
    (folder / ".DS_Store").write_bytes(b"hidden")
    (folder / "more").mkdir()
    data = load(folder)
    assert rows(data) == flat
    assert data.image_shape == (4, 6)


def test_colour_images_turn_grey_and_black_and_white_ones_binary(tmp_path: Path) -> None:
    folder = tmp_path / "colours"
    folder.mkdir()
    Image.new("RGB", (3, 2), (255, 0, 0)).save(folder / "red.png")
    Image.new("RGBA", (3, 2), (51, 51, 51, 255)).save(folder / "grey.png")
    Image.new("1", (3, 2), 1).save(folder / "white.png")
    Image.new("L", (3, 2), 102).save(folder / "jpeg.jpg")
    # Red has luma 0.299 (ITU-R 601-2).
    np.testing.assert_allclose(rows(load(folder)), [[v] * 6 for v in (0.2, 0.299, 0.4, 1.0)], atol=0.003)


def test_a_relative_path_starts_from_the_working_directory(
    tmp_path: Path, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    np.save(tmp_path / "a.npy", images)
    monkeypatch.chdir(tmp_path)
    assert load("a.npy").fingerprint() == load(tmp_path / "a.npy").fingerprint()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert load("~/a.npy").fingerprint() == load("a.npy").fingerprint()
    assert str(tmp_path / "b.npy") in error_of("b.npy")


def test_the_split_comes_from_the_generator(tmp_path: Path, images: np.ndarray) -> None:
    path = tmp_path / "a.npy"
    np.save(path, images)
    assert load(path).fingerprint() == load(path).fingerprint() != load(path, seed=1).fingerprint()
    assert load(path, num_test=19).x_train.shape == (1, 24)
    with pytest.raises(DataError, match=r"`num_test` must be .* below the number of datapoints, 20 \(got 20\)"):
        load(path, num_test=20)


@pytest.mark.parametrize("likelihood", ["gaussian", "unit_gaussian"])
def test_gaussian_data_may_lie_anywhere(tmp_path: Path, likelihood: str) -> None:
    np.save(tmp_path / "wide.npy", np.linspace(-3, 3, 20).reshape(10, 2))
    np.save(tmp_path / "narrow.npy", np.linspace(0, 1, 20).reshape(10, 2))
    wide, narrow = (
        load(tmp_path / "wide.npy", likelihood=likelihood),
        load(tmp_path / "narrow.npy", likelihood=likelihood),
    )
    assert (wide.observation_model, wide.bounded, wide.pixels) == (likelihood, False, "values, as given")
    assert (narrow.observation_model, narrow.bounded, narrow.pixels) == (likelihood, True, "values in [0, 1], as given")


@pytest.mark.parametrize(("num_pixels", "shape"), [(784, (28, 28)), (560, (20, 28)), (7, (1, 7)), (1, (1, 1))])
def test_rows_of_numbers_become_the_most_nearly_square_image(
    tmp_path: Path, num_pixels: int, shape: tuple[int, int]
) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, num_pixels)))
    assert load(tmp_path / "a.npy").image_shape == shape


def test_rows_sets_the_image_shape(tmp_path: Path, images: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 560)))
    assert load(tmp_path / "a.npy", rows=28).image_shape == (28, 20)
    assert "`rows` must divide 560" in error_of(tmp_path / "a.npy", rows=27)
    np.save(tmp_path / "b.npy", images)
    assert load(tmp_path / "b.npy", rows=4).image_shape == (4, 6)
    assert "`rows` must be left out or 4" in error_of(tmp_path / "b.npy", rows=6)


def test_a_path_is_required() -> None:
    with pytest.raises(OptionError, match=r"file needs `path`: write file\[path=\.\.\.\]"):
        File()


def test_a_missing_or_unknown_file(tmp_path: Path) -> None:
    assert "does not exist" in error_of(tmp_path / "a.npy")
    (tmp_path / "a.txt").write_text("1,2")
    assert "or a folder of images (got '.txt')" in error_of(tmp_path / "a.txt")


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.98])
def test_a_truncated_file(tmp_path: Path, images: np.ndarray, suffix: str, kept: float) -> None:
    path = tmp_path / f"a.{suffix}"
    if suffix == "npy":
        np.save(path, images)
    else:
        np.savez(path, x=images)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    assert "truncated or damaged" in error_of(path)


def test_a_damaged_archive(tmp_path: Path, images: np.ndarray) -> None:
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=images)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    assert "truncated or damaged" in error_of(path)


def test_a_file_of_another_kind_under_the_name_of_an_array(tmp_path: Path) -> None:
    for name in ("a.npy", "a.npz"):
        (tmp_path / name).write_text("not an array at all")
        assert "truncated or damaged" in error_of(tmp_path / name)
    (tmp_path / "a.csv").write_bytes(bytes(range(128, 256)))
    assert "truncated or damaged" in error_of(tmp_path / "a.csv")


def test_python_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "unpickled",)  # type: ignore[return-value]

    objects = np.array([[Trap(), 1], [2, 3]], dtype=object)
    np.save(tmp_path / "a.npy", objects)
    np.savez(tmp_path / "a.npz", x=objects)
    for name in ("a.npy", "a.npz"):
        assert "never unpickled" in error_of(tmp_path / name)
    assert not (tmp_path / "unpickled").exists()


@pytest.mark.parametrize(
    "array", [np.array([["a", "b"], ["c", "d"]]), np.ones((3, 2), complex)], ids=["text", "complex"]
)
def test_what_is_not_numeric(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "a.npy", array)
    assert f"must hold real numbers (got dtype {array.dtype})" in error_of(tmp_path / "a.npy")


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian"])
def test_values_that_are_not_finite_are_counted(tmp_path: Path, value: float, likelihood: str) -> None:
    array = np.full((9, 4), 0.5)
    array[3, 1] = array[3, 2] = array[7, 0] = value
    np.save(tmp_path / "a.npy", array)
    said = error_of(tmp_path / "a.npy", likelihood=likelihood)
    assert "got 3 that are NaN, infinite or too large, the first in row 3, counted from 0" in said


@pytest.mark.parametrize("shape", [(), (5,), (5, 2, 2, 1), (0, 4), (5, 0), (1, 4)], ids=str)
def test_a_wrong_shape(tmp_path: Path, shape: tuple[int, ...]) -> None:
    np.save(tmp_path / "a.npy", np.zeros(shape))
    said = error_of(tmp_path / "a.npy")
    assert f"must be [N, D] or [N, H, W] with N of at least 2 (got {list(shape)})" in said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must hold lines of numbers (got 0 lines without any)"),
        ("a,b\n", "must hold lines of numbers (got 1 lines without any)"),
        ("1,0\n\n1\n", "must have equally many values in every line (got 2 in line 1, 1 in line 3)"),
        ("a,b\n1,0\n1,0,0\n", "must have equally many values in every line (got 2 in line 2, 3 in line 3)"),
        ("1,0\n1,x\n", "must hold numbers (got 'x' in line 2, column 2)"),
        ("a,b\nc,d\n1,0\n", "must hold numbers (got 'c' in line 2, column 1)"),
        ("1,0\n1,\n", "must hold numbers (got no value in line 2, column 2)"),
        ("1;0\n1|0\n", "must have equally many values in every line (got 2 in line 1, 1 in line 2)"),
        ("1,0\nnan,0\n", "got 1 that are NaN"),
        ("1,0\n", "with N of at least 2 (got [1, 2])"),
    ],
)
def test_bad_csv(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.csv").write_text(text)
    assert said in error_of(tmp_path / "a.csv")


def test_bad_folders(tmp_path: Path, images: np.ndarray) -> None:
    folder = save_png(tmp_path / "faces", images)
    Image.new("L", (5, 4)).save(folder / "odd.png")
    assert "must have the same size (got 4 x 6 in 000.png, 4 x 5 in odd.png, rows x columns)" in error_of(folder)
    (folder / "odd.png").write_bytes((folder / "000.png").read_bytes()[:60])
    assert "odd.png must be an image" in error_of(folder)
    (folder / "odd.png").unlink()
    (folder / "README.txt").write_text("these are faces")
    assert "README.txt must be an image" in error_of(folder)
    (folder / "README.txt").unlink()
    Image.fromarray(np.zeros((4, 6), np.uint16)).save(folder / "deep.png")
    assert "equally many bits per pixel (16 in deep.png, fewer in" in error_of(folder)
    empty = tmp_path / "empty"
    (empty / "inner").mkdir(parents=True)
    assert "must hold images (it holds no files; subfolders are not searched)" in error_of(empty)
