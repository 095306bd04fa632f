"""Fashion-MNIST from its real files, as Debian's package dataset-fashion-mnist has them."""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import seeds
from bench.datasets.fashionmnist import SHA256, FashionMNIST

FOLDER = Path("/usr/share/datasets/fashion-mnist")
# Hashes of the files as they are published: https://github.com/tensorflow/datasets, url_checksums/fashion_mnist.
PUBLISHED = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
MADE = {"train": 1504176606, "t10k": 1504176627}  # seconds since 1970, in the headers of the published files


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The real files, in a folder ``fashionmnist``."""
    if not FOLDER.is_dir():
        reason = f"{FOLDER} does not exist: install Debian's dataset-fashion-mnist"
        pytest.fail(reason) if os.environ.get("CI") else pytest.skip(reason)
    (tmp_path / "fashionmnist").symlink_to(FOLDER)
    return tmp_path


def test_the_real_files_load_from_a_mirror(folder: Path, mirror: Callable[[Path], None]) -> None:
    mirror(folder)
    data = FashionMNIST().load(seeds.generator("data", 0))
    assert (data.x_train.shape, data.x_test.shape) == ((60_000, 784), (10_000, 784))
    assert data.labels_train is not None
    assert data.labels_test is not None
    assert data.labels_train.bincount().tolist() == [6_000] * 10
    assert data.labels_test.bincount().tolist() == [1_000] * 10
    # The moments by which torchvision's users normalise it.
    assert float(data.x_train.mean()) == pytest.approx(0.2860, abs=5e-5)
    assert float(data.x_train.std()) == pytest.approx(0.3530, abs=5e-5)


@pytest.mark.parametrize("name", PUBLISHED)
def test_they_are_the_published_ones(folder: Path, name: str) -> None:
    """Debian leaves the name and the time out of the headers; with both, each is the published file, bit by bit."""
    packed = (folder / "fashionmnist" / name).read_bytes()
    header = b"\x1f\x8b\x08\x08" + struct.pack("<IBB", MADE[name.partition("-")[0]], 0, 3)
    published = header + name.removesuffix(".gz").encode() + b"\0" + packed[10:]
    assert hashlib.sha256(published).hexdigest() == PUBLISHED[name]
    assert hashlib.sha256(gzip.decompress(published)).hexdigest() == SHA256[name]
