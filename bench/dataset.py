"""The contract of a data set: one file, one class with ``load``."""

from __future__ import annotations

import hashlib
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, Literal, TypeVar

import torch
from torch import Tensor

from bench.errors import DataError
from bench.plugins import Plugin

Likelihood = Literal["bernoulli", "gaussian", "unit_gaussian"]

OptionsT = TypeVar("OptionsT")


@dataclass(frozen=True)
class Data:
    """Train and test data as an algorithm meets them.

    ``x_train`` is [N, D] and ``x_test`` [N_test, D], float32; in [0, 1] unless ``bounded`` is False.  Where
    ``resample`` holds, x are probabilities and every minibatch is drawn anew from Bernoulli(x) (dynamic binarisation).
    ``pixels`` says in words what was done to the values; it stands beside every number made from them.
    """

    x_train: Tensor
    x_test: Tensor
    image_shape: tuple[int, int]  # rows, columns; rows * columns = D
    likelihood: Likelihood
    pixels: str
    labels_train: Tensor | None = None
    labels_test: Tensor | None = None
    bounded: bool = True
    resample: bool = False
    facts: dict[str, Any] = field(default_factory=dict)  # truths about the source, for tests and reports

    def __post_init__(self) -> None:
        """Refuse what no algorithm could learn from, with the reason."""
        rows, columns = self.image_shape
        for name, x in (("x_train", self.x_train), ("x_test", self.x_test)):
            if x.ndim != 2 or x.shape[0] == 0 or x.shape[1] != rows * columns:
                raise DataError(f"{name} must be [N, {rows * columns}] with N of at least 1 (got {tuple(x.shape)}).")
            if x.dtype != torch.float32:
                raise DataError(f"{name} must be float32 (got {x.dtype}).")
            low, high = (float(end) for end in torch.aminmax(x))  # one pass; NaN wins both ends
            if not (math.isfinite(low) and math.isfinite(high)):
                raise DataError(f"{name} holds {int((~torch.isfinite(x)).sum())} values that are NaN or infinite.")
            if self.bounded and (low < 0 or high > 1):
                raise DataError(f"{name} must lie in [0, 1] (got {low:.3g} to {high:.3g}).")

    def fingerprint(self) -> str:
        """SHA-256 of the training and test values: tells whether two trials saw the same data."""
        content = hashlib.sha256(self.x_train.numpy().tobytes())
        content.update(self.x_test.numpy().tobytes())
        return content.hexdigest()


class Dataset(Plugin, ABC, Generic[OptionsT]):
    """A source of data.  A plugin is one file with one class that defines ``load``.

    ``Options`` is a frozen dataclass of what can be set (``mnist[binarize=static]``); ``hidden`` is the width of the
    one-hidden-layer networks that suits the data, used where the user names none.
    """

    hidden: ClassVar[int] = 500
    options: OptionsT

    @abstractmethod
    def load(self, generator: torch.Generator) -> Data:
        """The data; every random choice (a split, a static binarisation) comes from ``generator``.

        Raises DataError where files are missing, damaged or of the wrong shape.
        """
