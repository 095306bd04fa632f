"""Bootstrap intervals over training seeds, for a probability or a ratio of medians.

Seeds are few, which makes the percentile interval too narrow: with 5 normally distributed seeds, a nominal 95 %
interval covers 84 %. Its levels are therefore expanded to match Student's t, which covers 92 % with 5 seeds and 94 %
with 10 (see docs/statistics.md for the simulation). With fewer than FEWEST seeds, even the full range of the resamples
would cover too little, and no interval is returned.
Source: Efron & Tibshirani 1993; Hesterberg 2015, "What teachers should know about the bootstrap", section 5.3.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

FEWEST = 5  # seeds
NUM_RESAMPLES = 10_000
SEED = 20131220  # fixed, so that the same results always give the same table


def interval(
    strata: Sequence[ArrayLike],
    statistic: Callable[[Sequence[Array]], Array],
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
) -> tuple[float, float]:
    """Return the bootstrap interval ``(low, high)`` of ``statistic`` over seeds.

    Each stratum [S, ...] (a cell of the grid) is resampled independently along its first axis. ``statistic`` maps the
    resampled strata [B, S, ...] to B values, which may be infinite. Both ends are NaN if any stratum has fewer than
    FEWEST seeds. Raises ValueError unless ``confidence`` lies between 0 and 1.

    Example:
        >>> low, high = interval([[1.0, 2.0, 3.0, 4.0, 5.0]], mean)
        >>> 1 <= low < 3 < high <= 5
        True
    """
    arrays = [np.asarray(stratum, dtype=np.float64) for stratum in strata]

    def values() -> Array:
        draws = _draws(tuple(map(len, arrays)), num_resamples)
        return statistic([array[drawn] for array, drawn in zip(arrays, draws, strict=True)])

    return _interval(values, min(map(len, arrays), default=0), confidence)


def interval_by_counts(sizes: Sequence[int], statistic: Callable[[Sequence[Array]], Array]) -> tuple[float, float]:
    """Return the 95 % interval of a statistic that depends only on how often each seed was drawn.

    ``statistic`` maps these counts, [B, S] for each stratum of S seeds, to B values.  The draws are those of
    `interval`.
    """
    return _interval(lambda: statistic(_counts(tuple(sizes), NUM_RESAMPLES)), min(sizes, default=0), 0.95)


def _interval(values: Callable[[], Array], fewest: int, confidence: float) -> tuple[float, float]:
    """Return the interval of the ``values`` of all resamples, which are computed only if there are enough seeds."""
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1 (got {confidence}).")
    if fewest < FEWEST:
        return np.nan, np.nan
    ordered = np.sort(values())
    tail = expanded_tail(fewest, confidence)
    last = len(ordered) - 1  # order statistics: infinite values cannot be interpolated
    return float(ordered[int(np.floor(tail * last))]), float(ordered[int(np.ceil((1 - tail) * last))])


@lru_cache(maxsize=4)
def _draws(sizes: tuple[int, ...], num_resamples: int) -> list[NDArray[np.int64]]:
    """Return the indices drawn from strata of these ``sizes``: [B, S] each, the same at every call."""
    rng = np.random.default_rng(SEED)
    return [rng.integers(0, size, (num_resamples, size)) for size in sizes]


@lru_cache(maxsize=4)
def _counts(sizes: tuple[int, ...], num_resamples: int) -> list[Array]:
    """Return how often each element occurs in the `_draws`: [B, S] each."""
    first = np.arange(num_resamples)[:, None]
    return [
        np.bincount((drawn + size * first).ravel(), minlength=drawn.size).reshape(drawn.shape).astype(np.float64)
        for size, drawn in zip(sizes, _draws(sizes, num_resamples), strict=True)
    ]


def mean(strata: Sequence[Array]) -> Array:
    """Mean over seeds, then over strata: each [B, S] -> [B]."""
    means: Array = np.mean([stratum.mean(axis=1) for stratum in strata], axis=0)
    return means


def expanded_tail(num_seeds: int, confidence: float) -> float:
    """Fraction of resamples to discard on each side, for ``num_seeds`` seeds."""
    from scipy.special import ndtr, stdtrit  # scipy.stats takes a second to import

    quantile = stdtrit(num_seeds - 1, (1 + confidence) / 2) * np.sqrt(num_seeds / (num_seeds - 1))
    return float(ndtr(-quantile))
