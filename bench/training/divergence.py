"""When a training has diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOWN_UP = 10.0  # how many times lower than its first value a bound must be
PATIENCE = 10.0  # for how long: until the number of training samples has grown by this factor
HALF_WAY = 0.5  # how much of its deepest fall may be left of a bound that recovers


def divergence(samples: Sequence[int], bounds: Sequence[float], *, ended: bool = False) -> str:
    """Why a training with these bounds (nats per datapoint) at evaluation marks has diverged; empty if it has not.

    It has diverged if its last bound is NaN or infinite, or if it has blown up: if the bound has stayed ``BLOWN_UP``
    times lower than its first value while the number of samples grew by the factor ``PATIENCE`` and did not come half
    of the way back in that time, or is that low when the training has ``ended``.  The patience is needed because
    Adagrad's first step often throws a bound far down, from where most trainings recover: by a factor of about 3 each
    time that the number of samples grows by 10, or faster.
    """
    if not bounds:
        return ""
    if not math.isfinite(bounds[-1]):
        return f"The bound is {bounds[-1]} after {samples[-1]} training samples."
    floor = bounds[0] - BLOWN_UP * (1 + abs(bounds[0]))
    below = len(bounds)
    while below > 0 and bounds[below - 1] < floor:
        below -= 1
    if below == len(bounds):
        return ""
    has_lasted = samples[-1] >= PATIENCE * max(samples[below], 1)
    if ended or (has_lasted and not _recovers(samples[below:], bounds[below:], bounds[0])):
        return (
            f"The run has blown up: its bound began at {bounds[0]:.4g} nats and is {bounds[-1]:.4g} "
            f"after {samples[-1]} training samples."
        )
    return ""


def _recovers(samples: Sequence[int], bounds: Sequence[float], first: float) -> bool:
    """Whether the last bound is half of the way back to the ``first`` from the lowest since a tenth of the samples."""
    recent = [bound for count, bound in zip(samples, bounds, strict=True) if count * PATIENCE >= samples[-1]]
    return first - bounds[-1] <= HALF_WAY * (first - min(recent))
