"""Fashion-MNIST and Kuzushiji-MNIST, from files in their format that a mirror serves."""

from __future__ import annotations

import gzip
import hashlib
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from bench import seeds
from bench.data.binarize import BinarizeOptions
from bench.dataset import Data, Dataset
from bench.datasets.fashionmnist import FashionMNIST
from bench.datasets.kmnist import KMNIST
from bench.errors import DataError

Mirror = Callable[[Path], None]
Kind = type[Dataset[BinarizeOptions]]


@pytest.fixture(params=[FashionMNIST, KMNIST], ids=["fashionmnist", "kmnist"])
def kind(request: pytest.FixtureRequest) -> Kind:
    chosen: Kind = request.param
    return chosen


def published(kind: Kind) -> dict[str, str]:
    """The hashes of the published files, or of what they hold."""
    module = vars(sys.modules[kind.__module__])
    hashes: dict[str, str] = module.get("SHA256") or module["PACKED_SHA256"]
    return hashes


@pytest.fixture
def folder(kind: Kind, small_files: Callable[[str], Path]) -> Path:
    return small_files(kind.plugin_name())


def load(kind: Kind, **settings: Any) -> Data:
    return kind(**settings).load(seeds.generator("data", 0))


def is_right(data: Data) -> bool:
    """Whether pixels and labels are those of the files."""
    random = np.random.default_rng(0)
    for x, labels, count in ((data.x_train, data.labels_train, 40), (data.x_test, data.labels_test, 10)):
        pixels = (x * 255).round().to(torch.uint8).reshape(count, 28, 28)
        assert torch.equal(pixels, torch.tensor(random.integers(0, 256, (count, 28, 28), np.uint8)))
        assert labels is not None
        assert torch.equal(labels, torch.arange(count) % 10)
    return True


def test_it_loads_from_a_mirror_and_then_from_the_cache(kind: Kind, folder: Path, mirror: Mirror) -> None:
    mirror(folder)
    data = load(kind)
    assert is_right(data)
    assert (data.image_shape, data.observation_model) == ((28, 28), "bernoulli")
    assert data.x_train.max() == 1
    for path in (folder / kind.plugin_name()).iterdir():
        path.unlink()
    assert load(kind).fingerprint() == data.fingerprint()


def test_it_loads_from_the_users_folder(kind: Kind, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA_DIR", str(folder))
    assert is_right(load(kind))
    assert set(load(kind, binarize="static").x_train.unique().tolist()) == {0, 1}


def test_other_files_are_refused(kind: Kind, mirror: Mirror, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Against the published hashes: those of MNIST, for instance, have the same names."""
    (tmp_path / kind.plugin_name()).mkdir()
    name = "train-images-idx3-ubyte.gz"
    (tmp_path / kind.plugin_name() / name).write_bytes(gzip.compress(bytes(1000)))
    mirror(tmp_path)
    monkeypatch.setattr(sys.modules[kind.__module__], "MIRRORS", ())
    with pytest.raises(DataError) as error:
        load(kind)
    assert published(kind)[name] in str(error.value)
    assert name in str(error.value)
    assert f"a folder called {kind.plugin_name()}" in str(error.value)
    assert all(len(each) == 64 for each in published(kind).values())


def test_images_of_another_size_are_refused(
    kind: Kind, folder: Path, mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, content = "t10k-images-idx3-ubyte.gz", struct.pack(">HBB3I", 0, 8, 3, 10, 28, 27) + bytes(10 * 28 * 27)
    (folder / kind.plugin_name() / name).write_bytes(gzip.compress(content))
    hashed = content if kind is FashionMNIST else gzip.compress(content)
    monkeypatch.setitem(published(kind), name, hashlib.sha256(hashed).hexdigest())
    mirror(folder)
    with pytest.raises(DataError, match=r"must hold arrays of \[28, 28\] \(got \[28, 27\]\)"):
        load(kind)
