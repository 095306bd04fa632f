"""When a training has diverged."""

from __future__ import annotations

import math
from collections.abc import Sequence

BLOWN_UP = 10.0  # how many times lower than its first value a bound must be
PATIENCE = 10.0  # for how long: until the number of training samples has grown by this factor
HALF_WAY = 0.5  # the fraction of its deepest fall that a recovering bound may still be below its start


def divergence(samples: Sequence[int], bounds: Sequence[float], *, ended: bool = False) -> str:
    """Return why training with these bounds (nats per datapoint) at evaluation marks has diverged; empty if it has not.

    Training has diverged if its last bound is NaN or infinite, or if it has blown up.  It has blown up if the bound has
    stayed ``BLOWN_UP`` times lower than its first value while the number of samples grew by the factor ``PATIENCE``,
    and is still falling or has not recovered half of the loss in an equally long time since its lowest value; or if it
    is that low when the training has ``ended``.  The patience is needed because Adagrad's first steps often push a
    bound far down, from where most training runs recover.
    """
    if not bounds:
        return ""
    if not math.isfinite(bounds[-1]):
        return f"The bound is {bounds[-1]} after {samples[-1]} training samples."
    floor = bounds[0] - BLOWN_UP * (1 + abs(bounds[0]))
    below = len(bounds)
    while below > 0 and bounds[below - 1] < floor:
        below -= 1
    if below == len(bounds) or not (ended or _is_lost(samples[below:], bounds[below:], bounds[0])):
        return ""
    return (
        f"The run has blown up: its bound began at {bounds[0]:.4g} nats and is {bounds[-1]:.4g} "
        f"after {samples[-1]} training samples."
    )


def _is_lost(samples: Sequence[int], bounds: Sequence[float], first: float) -> bool:
    """Whether a bound that has been low since the first of these marks has had enough time and does not recover."""
    lowest = bounds.index(min(bounds))
    if lowest == len(bounds) - 1:
        return samples[-1] >= PATIENCE * max(samples[0], 1)
    is_half_way = first - bounds[-1] <= HALF_WAY * (first - bounds[lowest])
    return samples[-1] >= PATIENCE * max(samples[lowest], 1) and not is_half_way
