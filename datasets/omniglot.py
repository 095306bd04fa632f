"""Omniglot in the split of the IWAE paper: 24345 training and 8070 test images of characters, 28 x 28."""

from __future__ import annotations

import numpy as np
import torch

from bench.data import mat_files
from bench.data.binarize import BinarizeOptions, binarized
from bench.data.downloads import RemoteFile, fetch
from bench.dataset import Data, Dataset

SIDE = 28
NUM_TRAIN, NUM_TEST = 24345, 8070
ROUNDING = 1e-6  # amount by which the file's double-precision pixels may lie outside [0, 1]


def _pixels_and_alphabets(raw: bytes, size: int) -> bytes:  # noqa: ARG001  # the size follows from the shapes
    """The bytes of float32 pixels [N, 784], row by row, and of int64 alphabets [N]; the training images come first."""
    pixels, alphabets = [], []
    for part, count in (("", NUM_TRAIN), ("test", NUM_TEST)):
        values = mat_files.load(raw, f"{part}data", (SIDE * SIDE, count), "the file")  # one image per column
        if not (values.min() >= -ROUNDING and values.max() <= 1 + ROUNDING):  # or if one is NaN
            raise ValueError(f"'{part}data' must lie in [0, 1]")
        upright = values.T.reshape(count, SIDE, SIDE).swapaxes(1, 2)  # MATLAB stores images column by column
        pixels.append(upright.clip(0, 1).astype(np.float32).tobytes())
        num_alphabets = mat_files.declared_shape(raw, f"{part}target")[0]
        chosen = mat_files.load(raw, f"{part}target", (num_alphabets, count), "the file")  # one-hot
        alphabets.append(chosen.argmax(0).astype(np.int64).tobytes())
    return b"".join(pixels + alphabets)


FILE = RemoteFile(
    name="chardata.mat",
    sha256="",  # none is published: shapes and values are checked instead
    size=(NUM_TRAIN + NUM_TEST) * (4 * SIDE * SIDE + 8),
    urls=(
        "https://raw.githubusercontent.com/yburda/iwae/master/datasets/OMNIGLOT/chardata.mat",
        "https://github.com/yburda/iwae/raw/master/datasets/OMNIGLOT/chardata.mat",
    ),
    unpack=_pixels_and_alphabets,
    folder="omniglot",
)


class Omniglot(Dataset[BinarizeOptions]):
    """32415 characters from 50 alphabets, 28 x 28, split as in the IWAE paper: 24345 for training, 8070 for testing.

    Grey values lie in [0, 1]; the paper binarises them anew for every minibatch (``binarize=dynamic``).  The labels are
    the alphabets.  No checksum of the file has been published, so its shapes and values are checked instead.  It is
    downloaded once; your own copy belongs in a folder ``omniglot``.
    Sources: Lake, Salakhutdinov & Tenenbaum 2015, "Human-level concept learning through probabilistic program
    induction"; Burda, Grosse & Salakhutdinov 2016, 1509.00519, whose repository contains the file.
    """

    Options = BinarizeOptions

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; ``generator`` is used only for the binarisation, since the split is the published one."""
        content, num_pixels = fetch(FILE), (NUM_TRAIN + NUM_TEST) * SIDE * SIDE
        x = torch.tensor(np.frombuffer(content, np.float32, num_pixels)).reshape(-1, SIDE * SIDE)
        alphabets = torch.tensor(np.frombuffer(content, np.int64, offset=4 * num_pixels))
        grey = Data(
            x_train=x[:NUM_TRAIN],
            x_test=x[NUM_TRAIN:],
            image_shape=(SIDE, SIDE),
            observation_model="bernoulli",
            pixels="grey pixels in [0, 1]",
            labels_train=alphabets[:NUM_TRAIN],
            labels_test=alphabets[NUM_TRAIN:],
        )
        return binarized(grey, self.options.binarize, generator)
