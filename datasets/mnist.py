"""MNIST: 60000 training and 10000 test images of handwritten digits, 28 x 28."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from bench.data import idx_files, larochelle
from bench.data.binarize import Binarize, binarized
from bench.data.downloads import RemoteFile, fetch
from bench.dataset import Data, Dataset
from bench.options import option

MIRRORS = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
    "https://raw.githubusercontent.com/fgnt/mnist/master/",
)
# SHA-256 and size in bytes of each uncompressed idx file.
CONTENT = {
    "train-images-idx3-ubyte.gz": ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47040016),
    "train-labels-idx1-ubyte.gz": ("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60008),
    "t10k-images-idx3-ubyte.gz": ("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7840016),
    "t10k-labels-idx1-ubyte.gz": ("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10008),
}


@dataclass(frozen=True)
class MNISTOptions:
    """Options of MNIST."""

    binarize: Binarize | Literal["larochelle"] = option(
        "none",
        "grey pixels unchanged, 1 above 0.5, drawn once at random, drawn anew for every minibatch, or the fixed draw "
        "that Larochelle has published",
    )


class MNIST(Dataset[MNISTOptions]):
    """70000 handwritten digits, 28 x 28: the standard 60000 for training, 10000 for testing.

    Grey values are divided by 255.  11 MB, downloaded once.  Source: LeCun, Bottou, Bengio & Haffner 1998,
    "Gradient-based learning applied to document recognition"; http://yann.lecun.com/exdb/mnist/.

    ``binarize=larochelle`` loads the binarised images on which most published log-likelihoods were computed: 50000 for
    training (the 10000 for validation are left out) and 10000 for testing, without labels.  110 MB, downloaded once.
    Source: Larochelle & Murray 2011, "The neural autoregressive distribution estimator".
    """

    Options = MNISTOptions

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; ``generator`` is used only for the binarisation, since the split is the standard one."""
        if self.options.binarize == "larochelle":
            return larochelle.load()
        grey = Data(
            x_train=_images("train-images-idx3-ubyte.gz"),
            x_test=_images("t10k-images-idx3-ubyte.gz"),
            image_shape=(28, 28),
            observation_model="bernoulli",
            pixels="grey pixels in [0, 1]",
            labels_train=_labels("train-labels-idx1-ubyte.gz"),
            labels_test=_labels("t10k-labels-idx1-ubyte.gz"),
        )
        return binarized(grey, self.options.binarize, generator)


def _images(name: str) -> Tensor:
    """Images [N, 784] with values in [0, 1]."""
    return _values(name).reshape(-1, 784).float().div_(255)


def _labels(name: str) -> Tensor:
    """Labels [N] from 0 to 9."""
    return _values(name).long()


def _values(name: str) -> Tensor:
    others = tuple(other for other in CONTENT if other != name)
    urls = tuple(mirror + name for mirror in MIRRORS)
    content = fetch(RemoteFile(name, *CONTENT[name], urls, companions=others))
    return torch.tensor(idx_files.parse(content, name))
