"""Rate-distortion curves: what the chains of annealed importance sampling from the prior pass on their way.

At inverse temperature beta, chains are approximately distributed as ``q(z|x)`` proportional to ``p(z) p(x|z)^beta``,
which has the lowest rate ``KL(q || p(z))`` of all q with the same distortion ``E_q[-log p(x|z)]``: the number of nats
about x that a code z must carry to achieve this reconstruction quality.  Source: Huang, Makhzani, Cao & Grosse 2020,
"Evaluating lossy compression rates of deep generative models".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.mcmc.annealing import Annealed, Passage

NUM_POINTS = 50  # of a curve, at most


@dataclass(frozen=True)
class RatePoint:
    """A point of the curve: means over datapoints, with their Monte Carlo standard errors, in nats per datapoint."""

    beta: float
    rate: float  # an upper bound in expectation
    rate_se: float
    distortion: float
    distortion_se: float


def passages(num_steps: int) -> frozenset[int]:
    """The steps out of ``num_steps`` at which the curve has a point: the first, the last, and evenly spaced ones.

    >>> sorted(passages(4)), len(passages(1000))
    ([0, 1, 2, 3], 50)
    """
    return frozenset(torch.linspace(0, num_steps - 1, min(NUM_POINTS, num_steps)).round().int().tolist())


def curve(runs: Sequence[Annealed]) -> tuple[RatePoint, ...]:
    """The curve from the chains of all blocks of datapoints, which start at draws from the prior.

    The rate at beta is ``E[beta log p(x|z) - log w]``, where w is the weight of a chain up to that point.  It is the
    rate of the whole chain, whose last state is z, and is therefore an upper bound for any number of steps.  Datapoints
    without a finite value at some beta are excluded from all points of the curve.
    """
    every = [_joined(same) for same in zip(*(run.passed for run in runs), strict=True)]
    if not every:
        return ()
    values = [(each.b, each.b * each.log_ratio - each.log_weights, -each.log_ratio) for each in every]
    finite = torch.stack([torch.isfinite(part).all(0) for _, *parts in values for part in parts]).all(0)
    if not finite.any():
        return ()
    return tuple(RatePoint(b, *_mean(rate[:, finite]), *_mean(distortion[:, finite])) for b, rate, distortion in values)


def _joined(parts: Sequence[Passage]) -> Passage:
    return Passage(
        parts[0].b,
        torch.cat([part.log_ratio for part in parts], -1),
        torch.cat([part.log_weights for part in parts], -1),
    )


def _mean(values: Tensor) -> tuple[float, float]:
    """The mean over chains and datapoints [C, N], and its standard error from the spread of the chains."""
    num_chains, num_data = values.shape
    return float(values.mean()), float((values.var(0).sum() / num_chains).sqrt() / num_data)
