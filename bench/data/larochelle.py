"""The published fixed binarisation of MNIST, in three text files: zeros and ones, one image per line.

Source: Larochelle & Murray 2011, "The neural autoregressive distribution estimator"; Salakhutdinov & Murray 2008.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.data.downloads import RemoteFile, fetch
from bench.data.train_test import Data

SIDE = 28
URL = "http://www.cs.toronto.edu/~larocheh/public/datasets/binarized_mnist/"
# SHA-256 and number of images, from the checksums of TensorFlow Datasets.
FILES = {
    "binarized_mnist_train.amat": ("ad693b29f94c14277b095f5238ddefbbdaaae0939789dd2f4f0205278cee3e4d", 50000),
    "binarized_mnist_valid.amat": ("1de3d397c40fe8eeb33dafd4099a1f665ec01e96d9be234aaeeac8a34930e2e2", 10000),
    "binarized_mnist_test.amat": ("e6687bfea3f820c174f33b7865140b2a2dd2930ef786f35d45795fc193b5ab2c", 10000),
}


def load() -> Data:
    """MNIST in the published fixed binarisation: 50000 training and 10000 test images, without labels.

    The 10000 images of the validation file are not part of it, since published numbers are of models that were trained
    on the other 50000 (Burda et al., 1509.00519).  110 MB of text, downloaded once.
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
        sha256,
        size=2 * count * SIDE * SIDE,
        urls=(URL + name,),
        unpack=_text,
        companions=tuple(other for other in FILES if other != name),
    )
    return torch.tensor(parse(fetch(file))).reshape(-1, SIDE * SIDE).float()


def _text(raw: bytes, size: int) -> bytes:
    """The bytes as they are: the files are not packed.  Raises ValueError if they are not zeros and ones."""
    held = len(parse(raw))
    if 2 * held != size:
        raise ValueError(f"{held:,} zeros and ones, where {size // 2:,} are expected")
    return raw


def parse(text: bytes) -> npt.NDArray[np.uint8]:
    """All zeros and ones of a text, in order; raises ValueError if there is anything else but blanks between them.

    >>> parse(b"0 1 1 1").tolist()
    [0, 1, 1, 1]
    """
    characters = np.frombuffer(text, np.uint8)
    digits = characters - np.uint8(ord("0"))
    is_digit = digits <= 1
    if not (is_digit | np.isin(characters, np.frombuffer(b" \t\r\n", np.uint8))).all():
        raise ValueError("it holds something else than 0, 1 and blanks")
    if (is_digit[1:] & is_digit[:-1]).any():
        raise ValueError("it holds numbers of several digits")
    values: npt.NDArray[np.uint8] = digits[is_digit]
    return values
