"""Data sets in the four idx files of MNIST: 60000 training and 10000 test images of 28 x 28 with ten labels."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from bench.data import idx_files
from bench.data.downloads import RemoteFile, fetch
from bench.data.train_test import Data
from bench.errors import DataError

SIDE = 28
SIZES = {  # bytes of the unpacked files
    "train-images-idx3-ubyte.gz": 47040016,
    "train-labels-idx1-ubyte.gz": 60008,
    "t10k-images-idx3-ubyte.gz": 7840016,
    "t10k-labels-idx1-ubyte.gz": 10008,
}


def load(
    folder: str,
    mirrors: tuple[str, ...],
    *,
    sha256: Mapping[str, str] = MappingProxyType({}),
    packed_sha256: Mapping[str, str] = MappingProxyType({}),
) -> Data:
    """Grey pixels in [0, 1] and labels, from the files at any of the ``mirrors`` with these hashes (see `RemoteFile`).

    Each data set has its own ``folder``, because all such data sets have files of the same names.
    Raises DataError if a file is unavailable or does not have the shape that its name implies.
    """
    files = {
        name: RemoteFile(
            name,
            sha256=sha256.get(name, ""),
            size=size,
            urls=tuple(mirror + name for mirror in mirrors),
            companions=tuple(other for other in SIZES if other != name),
            packed_sha256=packed_sha256.get(name, ""),
            folder=folder,
        )
        for name, size in SIZES.items()
    }
    values = {name: _values(file, (SIDE, SIDE) if "images" in name else ()) for name, file in files.items()}
    x_train, labels_train, x_test, labels_test = values.values()
    return Data(
        x_train=x_train.reshape(len(x_train), -1).float().div_(255),
        x_test=x_test.reshape(len(x_test), -1).float().div_(255),
        image_shape=(SIDE, SIDE),
        observation_model="bernoulli",
        pixels="grey pixels in [0, 1]",
        labels_train=labels_train.long(),
        labels_test=labels_test.long(),
    )


def _values(file: RemoteFile, shape: tuple[int, ...]) -> Tensor:
    """[N, *shape]."""
    values = idx_files.parse(fetch(file), file.place)
    if values.shape[1:] != shape:
        raise DataError(f"{file.place} must hold arrays of {list(shape)} (got {list(values.shape[1:])}).")
    return torch.tensor(values)
