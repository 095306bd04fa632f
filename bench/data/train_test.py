"""Train and test data as algorithms receive them, checked."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from bench.errors import DataError


@dataclass(frozen=True)
class Data:
    """Train and test data as algorithms receive them.

    ``x_train`` is [N, D] and ``x_test`` [N_test, D], float32; in [0, 1] unless ``bounded`` is False.  If ``resample``
    is set, x are probabilities and every minibatch is drawn anew from Bernoulli(x) (dynamic binarisation).
    ``observation_model`` names the p(x|z) that suits the data; ``pixels`` describes the preprocessing of the values and
    is reported with every result obtained from them; ``understood``, shown when a run begins, says how a user's file
    was interpreted, or what is known about generated data.

    >>> Data(torch.zeros(8, 6), torch.ones(2, 6), (2, 3), "bernoulli", pixels="binary").bounded
    True
    """

    x_train: Tensor
    x_test: Tensor
    image_shape: tuple[int, int]  # rows, columns; rows * columns = D
    observation_model: str  # its name, with options in brackets
    pixels: str
    labels_train: Tensor | None = None
    labels_test: Tensor | None = None
    bounded: bool = True
    resample: bool = False
    facts: Mapping[str, object] = field(default_factory=dict)  # known truths about the source, for tests and reports
    understood: str = ""

    def __post_init__(self) -> None:
        """Refuse data that no algorithm could learn from, with the reason."""
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
                raise DataError(f"{name} must lie in [0, 1] (got {low:.9g} to {high:.9g}).")

    def drawn(self, n_train: int, generator: torch.Generator) -> Data:
        """Draw ``n_train`` of the training points without replacement; a smaller number gives the first of these.

        >>> data = Data(torch.rand(8, 6), torch.ones(2, 6), (2, 3), "bernoulli", pixels="grey")
        >>> len(data.drawn(5, torch.Generator()).x_train)
        5
        """
        rows = torch.randperm(len(self.x_train), generator=generator)[:n_train]
        labels = None if self.labels_train is None else self.labels_train[rows]
        return dataclasses.replace(self, x_train=self.x_train[rows], labels_train=labels)

    def validation(self, n_train: int, held_out: int, generator: torch.Generator) -> Data:
        """The first ``n_train`` training points, of which the last ``held_out`` become the test data.

        ``generator`` draws the pixels of the latter if those of the training data are drawn anew for every minibatch.
        Raises DataError if no training point would be left.

        >>> data = Data(torch.rand(8, 6), torch.ones(2, 6), (2, 3), "bernoulli", pixels="grey")
        >>> held_out = data.validation(6, 2, torch.Generator())
        >>> len(held_out.x_train), torch.equal(held_out.x_test, data.x_train[4:6])
        (4, True)
        """
        kept = n_train - held_out
        if kept < 1:
            raise DataError(f"Of {n_train} training points {held_out} cannot be held out: too few are left.")
        x = self.x_train[kept:n_train]
        labels = self.labels_train
        return dataclasses.replace(
            self,
            x_train=self.x_train[:kept],
            x_test=torch.bernoulli(x, generator=generator) if self.resample else x,
            labels_train=None if labels is None else labels[:kept],
            labels_test=None if labels is None else labels[kept:n_train],
        )

    def sample(self, num_points: int) -> Data:
        """Return the first training points, also used as test points: enough to set up a model, and quick to send."""
        x = self.x_train[:num_points].detach().clone()  # not a view of all
        return Data(x, x, self.image_shape, self.observation_model, self.pixels, bounded=self.bounded)

    def fingerprint(self) -> str:
        """SHA-256 of the training and test values: shows whether two trials had the same data."""
        content = hashlib.sha256()
        for x in (self.x_train, self.x_test):
            content.update(x.contiguous().numpy().data)
        return content.hexdigest()
