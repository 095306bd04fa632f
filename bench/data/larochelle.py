"""The published fixed binarisation of MNIST, in three text files: zeros and ones, one image per line.

Source: Larochelle & Murray 2011, "The neural autoregressive distribution estimator"; Salakhutdinov & Murray 2008.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from bench.data.downloads import RemoteFile, fetch
from bench.data.train_test import Data

SIDE = 28
MIRRORS = (
    "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/",
)
BLANK, OTHER = 2, 3  # kinds of characters, beside 0 and 1
KINDS = bytes(
    {"0": 0, "1": 1, " ": BLANK, "\t": BLANK, "\r": BLANK, "\n": BLANK}.get(chr(c), OTHER) for c in range(256)
)
# SHA-256 and number of images, from the checksums of TensorFlow Datasets.
FILES = {
    "binarized_mnist_train.amat": ("ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d", 50000),
    "binarized_mnist_valid.amat": ("1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2", 10000),
    "binarized_mnist_test.amat": ("e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c", 10000),
}


def load() -> Data:
    """Load MNIST in the published fixed binarisation: 50000 training and 10000 test images, without labels.

    The 10000 images of the validation file are not included, since published results are of models trained on the other
    50000 (Burda et al., 1509.00519).  110 MB of text, downloaded once.
    Raises DataError if a file cannot be had.
    """
    return Data(
        x_train=images("binarized_mnist_train.amat"),
        x_test=images("binarized_mnist_test.amat"),
        image_shape=(SIDE, SIDE),
        observation_model="bernoulli",
        pixels="binarised once, as published by Larochelle",
    )


def images(name: str) -> Tensor:
    """The images of one of `FILES`: [N, 784], zeros and ones.  Raises DataError if it cannot be had."""
    sha256, count = FILES[name]
    file = RemoteFile(
        name,
        sha256="",
        size=count * SIDE * SIDE,
        urls=tuple(mirror + name for mirror in MIRRORS),
        unpack=_pixels,
        companions=tuple(other for other in FILES if other != name),
        packed_sha256=sha256,
    )
    pixels = np.frombuffer(fetch(file), np.uint8)
    return torch.tensor(pixels).reshape(-1, SIDE * SIDE).float()


def _pixels(text: bytes, size: int) -> bytes:
    """A byte for each zero or one of a text; raises ValueError if there are not ``size`` of them, or anything else.

    >>> list(_pixels(b"0 1 1 1", 4))
    [0, 1, 1, 1]
    """
    kinds = np.frombuffer(text.translate(KINDS), np.uint8)
    if (kinds == OTHER).any():
        raise ValueError("it holds something else than 0, 1 and blanks")
    is_digit = kinds != BLANK
    if (is_digit[1:] & is_digit[:-1]).any():
        raise ValueError("it holds numbers of several digits")
    pixels = kinds[is_digit]
    if len(pixels) != size:
        raise ValueError(f"{len(pixels):,} zeros and ones, where {size:,} are expected")
    content: bytes = pixels.tobytes()
    return content
