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
# SHA-256 of the files as they are published, from the checksums of TensorFlow Datasets.
PACKED_SHA256 = {
    "train-images-idx3-ubyte.gz": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte.gz": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte.gz": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte.gz": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}


class FashionMNIST(Dataset[BinarizeOptions]):
    """70000 pictures of clothing, 28 x 28, in ten classes: the standard 60000 for training, 10000 for testing.

    Grey values are divided by 255.  31 MB, downloaded once; files of your own lie in a folder ``fashionmnist``.
    Source: Xiao, Rasul & Vollgraf 2017, 1708.07747; https://github.com/zalandoresearch/fashion-mnist.
    """

    Options = BinarizeOptions

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; ``generator`` draws only the binarisation, since the split is the standard one."""
        grey = idx_images.load("fashionmnist", MIRRORS, PACKED_SHA256)
        return binarized(grey, self.options.binarize, generator)
