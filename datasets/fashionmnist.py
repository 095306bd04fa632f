"""Fashion-MNIST: 60000 training and 10000 test images of clothing, 28 x 28."""

from __future__ import annotations

import torch

from bench.data import idx_images
from bench.data.binarize import BinarizeOptions, binarized
from bench.dataset import Data, Dataset

MIRRORS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
)
# SHA-256 of the uncompressed files, because Debian's package dataset-fashion-mnist compresses them differently.
SHA256 = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}


class FashionMNIST(Dataset[BinarizeOptions]):
    """70000 pictures of clothing, 28 x 28, in ten classes: the standard 60000 for training, 10000 for testing.

    Grey values are divided by 255.  31 MB, downloaded once; your own copies belong in a folder ``fashionmnist``.
    Source: Xiao, Rasul & Vollgraf 2017, 1708.07747; https://github.com/zalandoresearch/fashion-mnist.
    """

    Options = BinarizeOptions

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; ``generator`` is used only for the binarisation, since the split is the standard one."""
        grey = idx_images.load("fashionmnist", MIRRORS, sha256=SHA256)
        return binarized(grey, self.options.binarize, generator)
