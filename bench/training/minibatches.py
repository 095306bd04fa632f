"""Minibatches as a function of the number of the update."""

from __future__ import annotations

import torch
from torch import Tensor

from bench import seeds
from bench.models.draws import draw_bernoulli
from bench.training.problem import Batch


class Minibatches:
    """Minibatches as a pure function of their number u, so that resuming needs no position and no random state.

    Each epoch is a new permutation of the N datapoints, divided into batches of M; a remainder smaller than M is
    dropped from that epoch.  With ``resample``, x contains probabilities and each batch is drawn anew from
    Bernoulli(x).

    >>> batches = Minibatches(torch.rand(10, 3), batch_size=4, seed=0)
    >>> batches.size, batches.per_epoch, batches[7].x.shape
    (4, 2, torch.Size([4, 3]))
    """

    def __init__(self, x: Tensor, batch_size: int | None, seed: int, *, resample: bool = False) -> None:
        """``x`` [N, D]; ``batch_size`` M, None for all N at once; ``seed`` names the random stream."""
        self.x = x
        self.size = min(batch_size or x.shape[0], x.shape[0])
        self.per_epoch = x.shape[0] // self.size
        self._seed = seed
        self._resample = resample
        self._epoch = -1
        self._indices: tuple[Tensor, ...] = ()

    def __getitem__(self, update: int) -> Batch:
        """The batch of update number ``update`` = 0, 1, ...: x [M, D] and index [M], on the device of x."""
        epoch, position = divmod(update, self.per_epoch)
        if self.size == self.x.shape[0]:
            index = torch.arange(self.size, device=self.x.device)
            x = self.x
        else:
            if epoch != self._epoch:
                stream = seeds.generator("minibatches", self._seed, epoch)
                self._epoch = epoch
                order = torch.randperm(self.x.shape[0], generator=stream).to(self.x.device)
                self._indices = order[: self.per_epoch * self.size].split(self.size)
            index = self._indices[position]
            x = self.x.index_select(0, index)
        if self._resample:
            x = draw_bernoulli(x, seeds.generator("pixels", self._seed, update, device=x.device))
        return Batch(x, index)
