"""The probability of improvement, P(a > b) for a seed of a and a seed of b, and its variance.

All pairs of seeds are compared, so that pairs may share a seed of a or of b.  The variance is decomposed as in
`crossed` into effects of the seed of a, of the seed of b, and of the pair.  The jackknife and the variance of DeLong et
al. 1988 count the last part twice: with 3 seeds they are too large by a fifth or more (Efron & Stein 1981).
Source: Mann & Whitney 1947; Bamber 1975, "The area above the ordinal dominance graph", for the variance.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def improvements(scores: Sequence[Array]) -> Array:
    """Return P(a > b) at the same place, averaged over places and all other b, from scores [B, P, A, S]: [B, A].

    Ties count half.

    >>> improvements([np.array([[[[3.0, 4.0], [1.0, 3.5]]]])])
    array([[0.75, 0.25]])
    """
    won = [_won(each) for each in scores]  # [B, P, A]
    size = max(map(len, won))
    means: Array = np.concatenate([np.broadcast_to(each, (size, *each.shape[1:])) for each in won], axis=1).mean(1)
    return means


def variances(scores: Sequence[Array]) -> Array:
    """Return the variances of `improvements` due to the seeds of each block, from scores [P, A, S]: [blocks, A].

    Seeds with the same number are treated as one seed for all algorithms and places of a block.  Unbiased if algorithms
    learn independently of each other; otherwise too large, but less so than the jackknife.  NaN for a single seed.
    """
    num_places = sum(map(len, scores))
    return np.array(
        [[_variance(each, a) * (len(each) / num_places) ** 2 for a in range(each.shape[1])] for each in scores]
    )


def _won(scores: Array) -> Array:
    """Return the fraction of pairs of seeds that each algorithm wins, from scores [B, P, A, S]: [B, P, A]."""
    num_algorithms = scores.shape[2]
    won = np.zeros(scores.shape[:3])
    for a in range(num_algorithms):
        for b in range(a):
            wins, pairs = _compared(scores[:, :, a], scores[:, :, b])
            with np.errstate(invalid="ignore"):
                share = (wins * pairs).sum((-1, -2)) / pairs.sum((-1, -2))
            won[:, :, a] += share
            won[:, :, b] += 1 - share
    won /= max(1, num_algorithms - 1)
    return won


def _variance(scores: Array, a: int) -> float:
    """Variance of the mean of P(a > b) over the places of one block and all others b, from scores [P, A, S]."""
    num_seeds, others = scores.shape[-1], np.delete(scores, a, axis=1)
    if num_seeds < 2 or not others.shape[1]:
        return np.nan
    wins, pairs = _compared(scores[:, [a]], others)  # [P, A - 1, S, S]
    counts = pairs.sum((-1, -2), keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        off = wins - (wins * pairs).sum((-1, -2), keepdims=True) / counts
        off = (np.where(pairs, off, 0) * (num_seeds**2 / counts)).mean((0, 1))  # [S, S], of a and of the others
    of_seed, of_other = off.mean(1), off.mean(0)
    of_pair = off - of_seed[:, None] - of_other
    pair = (of_pair**2).sum() / ((num_seeds - 1) * num_seeds) ** 2
    both = (of_seed + of_other).var(ddof=1) / num_seeds  # counts the part of the pair twice
    return float(np.maximum(both - 2 * pair, 0) + pair)


def _compared(mine: Array, theirs: Array) -> tuple[Array, NDArray[np.bool_]]:
    """Return which pairs of seeds [..., S, S] of scores [..., S] are won, ties counting half, and which pairs exist."""
    mine, theirs = mine[..., :, None], theirs[..., None, :]
    with np.errstate(invalid="ignore"):
        wins = (mine > theirs) + 0.5 * (mine == theirs)
    return wins, ~(np.isnan(mine) | np.isnan(theirs))
