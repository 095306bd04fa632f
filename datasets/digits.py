"""The 8 x 8 digits that scikit-learn ships, so that a first run needs no download."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from bench.data.binarize import BinarizeOptions, binarized
from bench.data.split import split
from bench.dataset import Data, Dataset
from bench.errors import DataError
from bench.options import option


@dataclass(frozen=True)
class DigitsOptions(BinarizeOptions):
    """Options of `digits`."""

    num_test: int = option(297, "how many of the 1797 images are held out", unit="datapoints", minimum=1, maximum=1796)


class Digits(Dataset[DigitsOptions]):
    """1797 handwritten digits, 8 x 8, shipped with scikit-learn: a small data set that needs no download.

    Pixels are counts from 0 to 16, divided by 16.  The split into 1500 training and 297 test images is random, since
    there is no standard one.
    Source: test set of UCI "Optical Recognition of Handwritten Digits" (Alpaydin & Kaynak 1998, doi 10.24432/C50P49).

    >>> from bench import seeds
    >>> Digits().load(seeds.generator("data", 0)).image_shape
    (8, 8)
    """

    Options = DigitsOptions
    hidden: ClassVar[int] = 100

    def load(self, generator: torch.Generator) -> Data:
        """See `Dataset.load`; the split does not depend on how the pixels are binarised."""
        table = torch.from_numpy(np.loadtxt(_file(), delimiter=","))  # [1797, 65], with the digit in the last column
        x = table[:, :-1].to(torch.float32) / 16
        labels = table[:, -1].to(torch.int64)
        train, test = split(len(x), self.options.num_test, generator)
        grey = Data(
            x_train=x[train],
            x_test=x[test],
            image_shape=(8, 8),
            observation_model="bernoulli",
            pixels="grey pixels in [0, 1]",
            labels_train=labels[train],
            labels_test=labels[test],
        )
        return binarized(grey, self.options.binarize, generator)


def _file() -> Path:
    """The path of the data in scikit-learn, without importing `sklearn.datasets`, which would take a second."""
    spec = find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise DataError("The digits come with scikit-learn, which is not installed: pip install scikit-learn.")
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
