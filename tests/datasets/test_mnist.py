"""The real MNIST."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch

from bench import seeds
from bench.dataset import Data
from bench.datasets.mnist import CONTENT, MIRRORS, MNIST
from bench.errors import DataError

TRAIN_COUNTS = [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
TEST_COUNTS = [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def load(seed: int = 0, **settings: object) -> Data:
    return MNIST(**settings).load(seeds.generator("data", seed))


def image(x: torch.Tensor) -> list[str]:
    """A digit as text, ``#`` where there is ink."""
    return ["".join(" #"[int(pixel > 0.5)] for pixel in row) for row in x.reshape(28, 28)]


@pytest.mark.data
def test_counts_labels_and_mean_pixel(data_dir: Path) -> None:
    data = load()
    assert data.x_train.shape == (60000, 784)
    assert data.x_test.shape == (10000, 784)
    assert data.image_shape == (28, 28)
    assert data.labels_train is not None
    assert data.labels_test is not None
    assert data.labels_train.bincount().tolist() == TRAIN_COUNTS
    assert data.labels_test.bincount().tolist() == TEST_COUNTS
    # The mean that everyone normalises by, 0.1307, and the standard deviation, 0.3081.
    assert data.x_train.mean().item() == pytest.approx(0.1307, abs=5e-5)
    assert data.x_train.std().item() == pytest.approx(0.3081, abs=5e-5)
    assert (data.observation_model, data.pixels, MNIST.hidden) == ("bernoulli", "grey pixels in [0, 1]", 500)


@pytest.mark.data
def test_the_pixels_are_the_published_ones(data_dir: Path) -> None:
    data = load()
    pixels = data.x_train.mul(255).round().to(torch.uint8)
    header = bytes([0, 0, 8, 3, 0, 0, 0xEA, 0x60, 0, 0, 0, 28, 0, 0, 0, 28])
    content = header + pixels.numpy().tobytes()
    assert hashlib.md5(content, usedforsecurity=False).hexdigest() == "6bbc9ace898e44ae57da46a324031adb"


@pytest.mark.data
def test_the_first_training_image_is_an_upright_five(data_dir: Path) -> None:
    data = load()
    assert data.labels_train is not None
    assert data.labels_train[:10].tolist() == [5, 0, 4, 1, 9, 2, 1, 3, 1, 4]
    assert image(data.x_train[0])[5:25] == [
        "                 ## ###     ",
        "           ############     ",
        "        ##########          ",
        "        ##########          ",
        "         # ###   #          ",
        "           ##               ",
        "           ###              ",
        "            ##              ",
        "             ###            ",
        "              ###           ",
        "               ####         ",
        "                 ###        ",
        "                 ###        ",
        "               #####        ",
        "             #######        ",
        "            ######          ",
        "          ######            ",
        "       #######              ",
        "     ########               ",
        "    #######                 ",
    ]


@pytest.mark.data
def test_binarisations(data_dir: Path) -> None:
    grey, static, dynamic = (load(binarize=how) for how in ("none", "static", "dynamic"))
    assert torch.equal(dynamic.x_train, grey.x_train)
    assert dynamic.resample
    for x in (static.x_train, static.x_test, dynamic.x_test):
        assert ((x == 0) | (x == 1)).all()
    # The mean over 47 million draws, each of a variance of at most 1/4: 6 standard errors.
    assert static.x_train.mean().item() == pytest.approx(grey.x_train.mean().item(), abs=6 * 0.5 / 47040000**0.5)


@pytest.mark.data
def test_a_truncated_file_is_reported(data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in CONTENT:
        (tmp_path / name).write_bytes((data_dir / name).read_bytes())
    name = "t10k-images-idx3-ubyte.gz"
    with (tmp_path / name).open("r+b") as stream:
        stream.truncate(1_000_000)
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    with pytest.raises(DataError, match=f"{tmp_path / name} .*damaged or truncated, 1000000 bytes"):
        load()


def test_every_file_can_be_downloaded_from_several_places_over_tls() -> None:
    assert len(MIRRORS) >= 2
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in MIRRORS)


def test_offline_the_error_names_all_four_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BENCH_DATA_DIR", raising=False)
    monkeypatch.delenv("BENCH_DATA_MIRROR", raising=False)
    monkeypatch.setattr("bench.datasets.mnist.MIRRORS", ("http://127.0.0.1:9/",))
    with pytest.raises(DataError) as error:
        load()
    assert all(name in str(error.value) for name in CONTENT)
