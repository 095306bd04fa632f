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
    """Return how many of the ``available`` datapoints are used if ``count`` are requested.

    >>> number(300, 10_000), number(300, 297), number(ALL, 10_000)
    (300, 297, 10000)
    """
    return min(count, available) if count != ALL else available


def evaluated(spec: TrialSpec, data: Data, device: torch.device, count: int) -> dict[str, Tensor]:
    """Return ``count`` datapoints of each split, by name; all of them if there are no more or if ``count`` is `ALL`.

    They are the beginning of a random order of the split that depends only on the data set and its size: all seeds,
    algorithms and latent sizes use the same datapoints, and a larger ``count`` includes those of a smaller one.  Pixels
    that are redrawn for every minibatch in training are drawn once here.
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
    """Return a checksum of datapoints [N, D] in order: equal if two estimates use exactly the same datapoints."""
    return hashlib.sha256(x.cpu().numpy().tobytes()).hexdigest()[:16]


def _order(spec: TrialSpec, split: str, size: int) -> Tensor:
    return torch.randperm(size, generator=seeds.generator("points", spec.dataset.default_identity, split, size))
