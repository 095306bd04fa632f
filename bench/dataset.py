"""The contract of a data set: one file, one class with ``load``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar, Generic, TypeVar

import torch

from bench.data.train_test import Data
from bench.plugins import Plugin

__all__ = ["Data", "Dataset"]

OptionsT = TypeVar("OptionsT")


class Dataset(Plugin, ABC, Generic[OptionsT]):
    """A source of data.  A plugin is one file with one class that defines ``load``.

    ``Options`` is a frozen dataclass of its options (``mnist[binarize=static]``); ``hidden`` is a width of
    one-hidden-layer networks that suits the data, used unless the user sets another.

    >>> from bench import seeds
    >>> from bench.datasets.digits import Digits
    >>> Digits(num_test=97).load(seeds.generator("data", 0)).x_train.shape
    torch.Size([1700, 64])
    """

    hidden: ClassVar[int] = 500
    options: OptionsT

    @abstractmethod
    def load(self, generator: torch.Generator) -> Data:
        """Load the data; every random choice (a split, a static binarisation) comes from ``generator``.

        Raises DataError if files are missing, damaged or of the wrong shape.
        """
