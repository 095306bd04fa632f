"""Algorithms over all places together: interquartile mean, probability of improvement and rank, with intervals.

Scores of one data set share their seeds and test points and form a block.  The error of a statistic is decomposed by
source, as in `crossed`: its variance if only the seeds of a block were drawn anew (the jackknife for means,
`improvement.variances` for the probability of improvement), or only its test points (the bootstrap, since no single
point changes the order of seeds).  Percentiles of a bootstrap over seeds, as usual for few runs, cover less than their
nominal level (`make statistics`).
Source: Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice"; Efron & Tibshirani
1993, chapter 11; Satterthwaite 1946; Banerjee 1961; Wilson 1927.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bench.statistics.improvement import improvements, variances

Array = NDArray[np.float64]
Statistics = Callable[[Sequence[Array]], Array]  # of the scores [B, P, A, S] of each block: two of them, [B, 2, A]

NUM_RESAMPLES = 500  # of test points, for a variance within 6 %
SEED = 20131220  # fixed, so that the same results always give the same numbers


@dataclass(frozen=True)
class Block:
    """The scores of one data set, which share their seeds and test points."""

    scores: Array  # [P, A, S] by place, algorithm and seed; -inf for a seed that failed, NaN for one that is not there
    by_point: Array | None = None  # [P, A, S, N], with the scores as their means; None if not known for the same points


@dataclass(frozen=True)
class Estimate:
    """A statistic of each algorithm with its interval, [A] each; the ends are NaN if there is no interval."""

    values: Array
    low: Array
    high: Array


@dataclass(frozen=True)
class Aggregate:
    """Statistics of each algorithm over all places, which have equal weight."""

    mean: Estimate  # interquartile mean of the scores above the average of their place
    improvement: Estimate  # probability that a seed exceeds a seed of another algorithm, averaged over the others
    rank: Estimate  # mean rank of a seed among one seed of each algorithm; 1 is best


def aggregate(
    blocks: Sequence[Block],
    reference: int | None = None,
    confidence: float = 0.95,
    num_resamples: int = NUM_RESAMPLES,
) -> Aggregate:
    """Compute the statistics of A algorithms over the places of all blocks, with their intervals.

    Scores are taken relative to the average of the algorithms at their place, or to the mean of the ``reference``.  A
    failed seed counts as the worst: it loses against all seeds that did not fail, and the interquartile mean excludes
    it only as part of the lowest quarter.  Raises ValueError unless ``confidence`` lies between 0 and 1.

    >>> scores = np.array([[[3.0, 4.0, 5.0, 6.0], [1.0, 2.0, 2.0, -np.inf]]])  # a place, two algorithms, four seeds
    >>> result = aggregate([Block(scores)])
    >>> result.mean.values.round(2), result.improvement.values, result.rank.values
    (array([ 1.42, -1.58]), array([1., 0.]), array([1., 2.]))
    """
    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1 (got {confidence}).")

    def means(scores: Sequence[Array]) -> Array:
        return interquartile_means([_centred(each, reference) for each in scores])

    def statistics(scores: Sequence[Array]) -> Array:
        return np.stack([means(scores), improvements(scores)], axis=1)

    scores = [block.scores for block in blocks]
    of_seeds = np.stack([_jackknife(scores, means), variances(scores)], axis=1)
    of_points = _variances_of_points(blocks, statistics, num_resamples)
    half, half_of_wins = _half_widths(blocks, of_seeds, of_points, confidence)
    mean, wins = statistics([each[None] for each in scores])[0]
    improvement = _wilson(wins, half_of_wins, 2 * sum(_num_runs(block) for block in blocks), confidence)
    others = blocks[0].scores.shape[1] - 1
    ranks = [1 + others * (1 - each) for each in (improvement.values, improvement.high, improvement.low)]
    return Aggregate(Estimate(mean, mean - half, mean + half), improvement, Estimate(*ranks))


def interquartile_means(scores: Sequence[Array]) -> Array:
    """The mean of the middle half of the scores [B, P, A, S] of all blocks, in which places have equal weight: [B, A].

    A score at the edge of the middle half counts in part.

    >>> interquartile_means([np.array([[[[0.0, 1.0, 2.0, 9.0]]]])])
    array([[1.5]])
    """
    there = [~np.isnan(each) for each in scores]
    weights = _pooled([each / np.maximum(each.sum(-1, keepdims=True), 1) for each in there])
    pooled = _pooled(scores)  # [B, A, all P and S]
    order = np.argsort(pooled, axis=-1)
    pooled, weights = (np.take_along_axis(each, order, -1) for each in (pooled, weights))
    with np.errstate(invalid="ignore"):
        levels = np.clip(np.cumsum(weights, -1) / weights.sum(-1, keepdims=True), 0.25, 0.75)
    inner = np.diff(levels, axis=-1, prepend=0.25)
    inner[inner < 1e-9] = 0  # rounding
    means: Array = 2 * np.where(inner > 0, inner * np.where(inner > 0, pooled, 0), 0).sum(-1)
    return means


def _centred(scores: Array, reference: int | None) -> Array:
    """Return scores [B, P, A, S] relative to the average of their place or to the reference, without failed seeds."""
    finite = np.isfinite(scores)
    counts = finite.sum(-1)  # [B, P, A]
    means = np.where(finite, scores, 0).sum(-1) / np.maximum(counts, 1)
    centre = means.sum(-1) / np.maximum((counts > 0).sum(-1), 1) if reference is None else means[:, :, reference]
    above: Array = scores - centre[:, :, None, None]
    return above


def _pooled(blocks: Sequence[Array]) -> Array:
    """[B or 1, P, A, S] of each block as [B, A, all P and S]."""
    size = max(map(len, blocks))
    flat = [np.moveaxis(each, 2, 1).reshape(len(each), each.shape[2], -1) for each in blocks]
    return np.concatenate([np.broadcast_to(each, (size, *each.shape[1:])) for each in flat], axis=-1)


def _jackknife(scores: Sequence[Array], means: Statistics) -> Array:
    """Return the variances of the means due to the seeds of each block alone, from scores [P, A, S]: [blocks, A]."""
    full = [each[None] for each in scores]
    variances_of_blocks = []
    for i, each in enumerate(scores):
        with np.errstate(invalid="ignore"):  # infinite values have none
            variance = means([*full[:i], _without_each(each), *full[i + 1 :]]).var(0, ddof=1)
        num_seeds = each.shape[-1]
        variances_of_blocks.append(variance * (num_seeds - 1) ** 2 / num_seeds)
    return np.array(variances_of_blocks)


def _variances_of_points(blocks: Sequence[Block], statistics: Statistics, num_resamples: int) -> Array:
    """Return the variances of the statistics due to the test points alone, of all blocks together: [2, A]."""
    full, rng = [block.scores[None] for block in blocks], np.random.default_rng(SEED)
    total: Array = np.zeros((2, full[0].shape[2]))
    for i, block in enumerate(blocks):
        if block.by_point is not None:
            others = _other_points(block.scores, block.by_point, num_resamples, rng)
            with np.errstate(invalid="ignore"):
                total = total + statistics([*full[:i], others, *full[i + 1 :]]).var(0, ddof=1)
    return total


def _half_widths(blocks: Sequence[Block], of_seeds: Array, of_points: Array, confidence: float) -> Array:
    """Half-widths of the intervals, from variances [blocks, 2, A] and [2, A]; NaN for fewer than two seeds."""
    from scipy.special import stdtrit  # t quantiles; scipy.stats takes a second to import

    least_points = min((block.by_point.shape[-1] for block in blocks if block.by_point is not None), default=2)
    degrees = np.array([block.scores.shape[-1] - 1 for block in blocks])[:, None, None]
    total = of_seeds.sum(0)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = np.where(total > 0, total**2 / (of_seeds**2 / degrees).sum(0), degrees.min())
        t_seeds, t_points = (stdtrit(df, (1 + confidence) / 2) for df in (together, least_points - 1))
        halves: Array = np.sqrt(t_seeds**2 * total + t_points**2 * of_points)
    return halves


def _without_each(scores: Array) -> Array:
    """Return the scores [S, P, A, S - 1] with each seed left out in turn; NaN if there is only one."""
    num_seeds = scores.shape[-1]
    if num_seeds < 2:
        return np.full((2, *scores.shape), np.nan)
    return np.stack([np.delete(scores, i, axis=-1) for i in range(num_seeds)])


def _other_points(scores: Array, by_point: Array, num_resamples: int, rng: np.random.Generator) -> Array:
    """Return the scores [B, P, A, S] on resampled points; failed seeds stay failed."""
    num_points = by_point.shape[-1]
    weights = rng.multinomial(num_points, np.full(num_points, 1 / num_points), num_resamples) / num_points
    finite = np.isfinite(scores)[..., None]
    rows = np.where(finite, by_point, 0).reshape(-1, num_points)  # one matrix product: many small ones take longer
    means = (rows @ weights.T).reshape(*scores.shape, num_resamples)  # [P, A, S, B]
    return np.moveaxis(np.where(finite, means, scores[..., None]), -1, 0)


def _num_runs(block: Block) -> int:
    """Return the number of seeds at each place, summed over places."""
    return int(block.scores.shape[0] * block.scores.shape[-1])


def _wilson(shares: Array, half: Array, most: int, confidence: float) -> Estimate:
    """Return Wilson's interval of a proportion whose symmetric interval has this half-width.

    It stays within 0 and 1.  Unanimous seeds do not imply certainty: an outcome that all of ``most`` independent runs
    share still fails once in ``most + 2`` (Laplace's rule of succession), and the half-width is at least that of such a
    proportion.
    """
    from scipy.special import ndtri

    rare = 1 / (most + 2)
    least = rare * (1 - rare)
    spread = shares * (1 - shares)
    ratio = np.maximum(half**2, float(ndtri((1 + confidence) / 2)) ** 2 * least / most) / np.maximum(spread, least)
    middle, width = shares + ratio / 2, np.sqrt(ratio * spread + ratio**2 / 4)
    return Estimate(shares, (middle - width) / (1 + ratio), (middle + width) / (1 + ratio))
