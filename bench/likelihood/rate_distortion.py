"""Rate-distortion curves: what the chains of annealed importance sampling from the prior pass on their way.

At beta, chains are near ``q(z|x)`` proportional to ``p(z) p(x|z)^beta``, which of all q with the same distortion
``E_q[-log p(x|z)]`` has the lowest rate ``KL(q || p(z))``: how many nats about x a code z must carry for a
reconstruction that good.  Source: Huang, Makhzani, Cao & Grosse 2020, "Evaluating lossy compression rates of deep
generative models".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from bench.mcmc.annealing import Annealed, Passage

NUM_POINTS = 50  # of a curve at most


@dataclass(frozen=True)
class RatePoint:
    """A point of the curve: means over datapoints, with their Monte Carlo standard errors, in nats per datapoint."""

    beta: float
    rate: float  # an upper bound in expectation
    rate_se: float
    distortion: float
    distortion_se: float


def passages(num_steps: int) -> frozenset[int]:
    """The steps of ``num_steps`` at which the curve has a point: the first, the last, and evenly between.

    >>> sorted(passages(4)), len(passages(1000))
    ([0, 1, 2, 3], 50)
    """
    return frozenset(torch.linspace(0, num_steps - 1, min(NUM_POINTS, num_steps)).round().int().tolist())


def curve(runs: Sequence[Annealed]) -> tuple[RatePoint, ...]:
    """The curve from the chains of all blocks of datapoints, which began at draws from the prior.

    The rate at beta is ``E[beta log p(x|z) - log w]``, w being the weight of a chain until then.  It is that of the
    whole chain, of which z is the end, and is therefore an upper bound for any number of steps.
    Datapoints without a finite value at some beta are left out of all.
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
