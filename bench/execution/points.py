"""Which datapoints a model is evaluated on: the same for all trials on a data set."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

from bench import seeds
from bench.dataset import Data
from bench.studies.spec import TrialSpec

ALL = 0  # as a number of points


def number(count: int, available: int) -> int:
    """How many of the ``available`` datapoints are taken if ``count`` are asked for.

    >>> number(300, 10_000), number(300, 297), number(ALL, 10_000)
    (300, 297, 10000)
    """
    return min(count, available) if count != ALL else available


def evaluated(spec: TrialSpec, data: Data, device: torch.device, count: int) -> dict[str, Tensor]:
    """``count`` datapoints of each split, by its name; all of them if there are no more or ``count`` is `ALL`.

    They are the beginning of a random order of the split that depends on the data set and its size alone: all seeds,
    algorithms and latent sizes have the same, and a larger ``count`` keeps those of a smaller one.  Pixels that are
    drawn anew for every minibatch are drawn once here.
    """
    points = {
        split: x[_order(spec, split, len(x))[: number(count, len(x))]]
        for split, x in (("train", data.x_train[: spec.n_train]), ("test", data.x_test))
    }
    if data.resample:
        stream = seeds.generator("watched pixels", spec.dataset.identity)
        points["train"] = torch.bernoulli(points["train"], generator=stream)
    return {split: x.to(device) for split, x in points.items()}


def fingerprint(x: Tensor) -> str:
    """A checksum of datapoints [N, D] in their order: equal if two estimates are of the same ones, value by value."""
    return hashlib.sha256(x.cpu().numpy().tobytes()).hexdigest()[:16]


def _order(spec: TrialSpec, split: str, size: int) -> Tensor:
    return torch.randperm(size, generator=seeds.generator("points", spec.dataset.default_identity, split, size))
