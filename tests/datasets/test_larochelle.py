"""The published binarisation of MNIST, from text files in its format."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bench as library
from bench.data import larochelle
from bench.errors import DataError
from bench.execution.execution import Execution

COUNTS = {"binarized_mnist_train.amat": 30, "binarized_mnist_valid.amat": 10, "binarized_mnist_test.amat": 10}


def pixels(name: str) -> np.ndarray:
    return np.random.default_rng(len(name)).integers(0, 2, (COUNTS[name], 784))


def text(name: str) -> bytes:
    """As in the published files: blanks between the pixels, one image per line."""
    return "".join(" ".join(map(str, row)) + "\n" for row in pixels(name)).encode()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, count in COUNTS.items():
        (tmp_path / name).write_bytes(text(name))
        monkeypatch.setitem(larochelle.FILES, name, (hashlib.sha256(text(name)).hexdigest(), count))
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    return tmp_path


def test_train_and_test_images_are_read_and_the_others_can_be(folder: Path) -> None:
    data = larochelle.load()
    assert torch.equal(data.x_train, torch.tensor(pixels("binarized_mnist_train.amat")).float())
    assert torch.equal(data.x_test, torch.tensor(pixels("binarized_mnist_test.amat")).float())
    assert (data.image_shape, data.resample, data.labels_train) == ((28, 28), False, None)
    valid = larochelle.images("binarized_mnist_valid.amat")
    assert torch.equal(valid, torch.tensor(pixels("binarized_mnist_valid.amat")).float())


def test_the_published_files_have_the_size_that_is_expected() -> None:
    sizes = {"binarized_mnist_train.amat": 78400000, "binarized_mnist_test.amat": 15680000}
    for name, size in sizes.items():
        assert 2 * larochelle.FILES[name][1] * 784 == size
    assert len(text("binarized_mnist_test.amat")) == 2 * 10 * 784


def test_it_is_downloaded_and_kept(
    folder: Path, mirror: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(larochelle, "MIRRORS", ())
    mirror(folder)
    data = larochelle.load()
    assert torch.equal(data.x_test, torch.tensor(pixels("binarized_mnist_test.amat")).float())
    for name in COUNTS:
        (folder / name).unlink()  # from now on the mirror has nothing
    assert torch.equal(larochelle.load().x_train, data.x_train)


def test_it_is_at_several_places() -> None:
    assert len(larochelle.MIRRORS) >= 2
    assert larochelle.MIRRORS[0].startswith("https://")
    assert all(mirror.endswith("/") for mirror in larochelle.MIRRORS)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (b"0 1 2 1\n", "something else than 0, 1 and blanks"),
        (b"0 11 0 1\n", "numbers of several digits"),
        (b"0 1\n", "2 zeros and ones, where 7,840 are expected"),
    ],
)
def test_other_texts_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, wrong: bytes, words: str) -> None:
    name = "binarized_mnist_test.amat"
    (folder / name).write_bytes(wrong)
    monkeypatch.setitem(larochelle.FILES, name, (hashlib.sha256(wrong).hexdigest(), COUNTS[name]))
    with pytest.raises(DataError, match=words):
        larochelle.load()


def test_another_binarisation_is_refused(folder: Path) -> None:
    other = text("binarized_mnist_test.amat").replace(b"0 1", b"1 0")
    (folder / "binarized_mnist_test.amat").write_bytes(other)
    with pytest.raises(DataError, match="SHA-256"):
        larochelle.load()


def test_mnist_offers_it(folder: Path, tmp_path: Path) -> None:
    """With the counts and the pixels of these files, and with words for them in the tables."""
    settings: dict[str, Any] = {"hidden": 4, "budget": 30, "eval_points": 5, "likelihood_points": 4, "seeds": 1, "z": 2}
    settings |= {"likelihood": "importance[num_samples=5]", "algos": "aevb[learning_rate=0.02,batch_size=10]"}
    execution = Execution(backend="sequential", device="cpu")
    dataset, out = "mnist[binarize=larochelle]", tmp_path / "run"
    (trial,) = library.run(dataset=dataset, out=out, execution=execution, quiet=True, **settings).trials.itertuples()
    assert (trial.n_train, trial.pixels) == (30, "binarised once, as published by Larochelle")
