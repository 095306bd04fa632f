"""Grey pixels to zeros and ones: ``binarize=...`` means the same for every data set that offers it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import torch

from bench.data.train_test import Data
from bench.options import option

Binarize = Literal["none", "threshold", "static", "dynamic"]


@dataclass(frozen=True)
class BinarizeOptions:
    """Options of data sets whose grey pixels can be binarised."""

    binarize: Binarize = option(
        "none", "grey pixels unchanged, 1 above 0.5, drawn once at random, or drawn anew for every minibatch"
    )


def binarized(grey: Data, how: Binarize, generator: torch.Generator) -> Data:
    """``grey`` with binarised pixels, by the method ``how``; grey values in [0, 1] are the probabilities of a one.

    With ``dynamic``, x_train stays grey and ``resample`` makes the training loop draw anew for every minibatch (Burda
    et al., 1509.00519); the test data are drawn once, and are the same as with ``static`` for the same generator.

    >>> grey = Data(torch.full((2, 1), 0.7), torch.full((1, 1), 0.2), (1, 1), "bernoulli", pixels="grey")
    >>> binarized(grey, "threshold", torch.Generator()).x_train.tolist()
    [[1.0], [1.0]]
    """
    if how == "none":
        return grey
    if how == "threshold":
        x_train, x_test = (grey.x_train > 0.5).float(), (grey.x_test > 0.5).float()
        return dataclasses.replace(grey, x_train=x_train, x_test=x_test, pixels="binarised at 0.5")
    x_test = torch.bernoulli(grey.x_test, generator=generator)
    if how == "dynamic":
        words = "binarised anew for every minibatch; test once"
        return dataclasses.replace(grey, x_test=x_test, pixels=words, resample=True)
    x_train = torch.bernoulli(grey.x_train, generator=generator)
    return dataclasses.replace(grey, x_train=x_train, x_test=x_test, pixels="binarised once, at random")
