"""Kuzushiji-MNIST: 60000 training and 10000 test images of cursive Japanese characters, 28 x 28."""

from __future__ import annotations

import torch

from bench.data import idx_images
from bench.data.binarize import BinarizeOptions, binarized
from bench.dataset import Data, Dataset

MIRRORS = (
    "http://codh.rois.ac.jp/kmnist/dataset/kmnist/",
    "https://codh.rois.ac.jp/kmnist/dataset/kmnist/",
)
# SHA-256 of the files as published, from the checksums of TensorFlow Datasets.
PACKED_SHA256 = {
    "train-images-idx3-ubyte.gz": "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
    "train-labels-idx1-ubyte.gz": "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
    "t10k-images-idx3-ubyte.gz": "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
    "t10k-labels-idx1-ubyte.gz": "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
}


class KMNIST(Dataset[BinarizeOptions]):
    """70000 cursive Japanese characters, 28 x 28, in ten classes: the standard 60000 for training, 10000 for testing.

    Grey values are divided by 255.  21 MB, downloaded once; your own copies belong in a folder ``kmnist``.
    Source: Clanuwat et al. 2018, "Deep learning for classical Japanese literature", 1812.01718;
    http://codh.rois.ac.jp/kmnist/.
    """

    Options = BinarizeOptions

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; ``generator`` is used only for the binarisation, since the split is the standard one."""
        grey = idx_images.load("kmnist", MIRRORS, packed_sha256=PACKED_SHA256)
        return binarized(grey, self.options.binarize, generator)
