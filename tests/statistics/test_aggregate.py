"""Statistics over all places: against known results, SciPy and simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.statistics import paired
from bench.statistics.aggregate import Block, aggregate, interquartile_means
from bench.statistics.improvement import improvements, variances


def block(*by_algorithm: list[float]) -> Block:
    """One place."""
    return Block(np.array([by_algorithm], dtype=float))


def test_the_interquartile_mean_is_the_trimmed_mean_that_rliable_takes() -> None:
    """`scipy.stats.trim_mean(scores, 0.25)` if a quarter is a whole number; parts of scores at the edge else."""
    rng = np.random.default_rng(0)
    values = rng.normal(size=(1, 4, 2, 6))
    expected = [stats.trim_mean(values[0, :, a], 0.25, axis=None) for a in range(2)]
    assert interquartile_means([values[:, :1], values[:, 1:]])[0] == pytest.approx(expected)
    assert interquartile_means([np.array([[[[1.0, 2.0, 6.0]]]])])[0, 0] == pytest.approx((0.25 + 2 + 1.5) / 1.5)


def test_places_have_equal_weight_whatever_their_seeds() -> None:
    few, many = np.full((1, 1, 1, 4), np.nan), np.ones((1, 1, 1, 4))
    few[..., :2] = -1.0
    assert interquartile_means([few, many])[0, 0] == pytest.approx(0)


def test_scores_are_above_the_average_of_their_place_or_the_reference() -> None:
    blocks = [block([-20.0, -20.0], [-22.0, -22.0]), block([-500.0, -500.0], [-506.0, -506.0])]
    assert aggregate(blocks).mean.values == pytest.approx([2, -2])  # of 1 and 3
    assert aggregate(blocks, reference=1).mean.values == pytest.approx([4, 0])


def test_improvement_and_rank_are_those_of_mann_whitney() -> None:
    rng = np.random.default_rng(1)
    a, b, c = rng.normal(size=(3, 6)).round(1)
    wins = [[stats.mannwhitneyu(x, y).statistic / 36 for y in (a, b, c)] for x in (a, b, c)]
    expected = [(sum(row) - 0.5) / 2 for row in wins]
    result = aggregate([block(list(a), list(b), list(c))])
    assert result.improvement.values == pytest.approx(expected)
    ranks = [np.mean([1 + 2 * (1 - each)]) for each in expected]
    assert result.rank.values == pytest.approx(ranks)
    two = aggregate([block(list(a), list(b))])
    assert two.improvement.values[0] == pytest.approx(paired.probability_of_improvement([(a, b)]))
    drawn = [
        stats.rankdata([-each[i] for each, i in zip((a, b, c), rng.integers(0, 6, 3), strict=True)])
        for _ in range(4000)
    ]
    assert result.rank.values == pytest.approx(np.mean(drawn, axis=0), abs=0.06)


def test_a_failed_seed_is_the_worst() -> None:
    sound, fragile = [1.0, 1.1, 0.9, 1.05, 0.95], [9.0, 9.0, 9.0, 9.0, -np.inf]
    result = aggregate([block(sound, fragile)])
    assert result.improvement.values == pytest.approx([0.2, 0.8])
    assert np.isfinite(result.mean.values).all()  # a fifth is in the lowest quarter
    lost = aggregate([block(sound, [9.0, 9.0, 9.0, -np.inf, -np.inf])])
    assert lost.mean.values[1] == -np.inf
    assert np.isnan(lost.mean.low[1])
    assert lost.improvement.values == pytest.approx([0.4, 0.6])
    assert improvements([np.full((1, 1, 2, 3), -np.inf)])[0] == pytest.approx([0.5, 0.5])
    alone = aggregate([block([-np.inf, -np.inf], [1.0, 2.0]), block([3.0, 3.1], [1.0, 2.0])])
    assert alone.improvement.values == pytest.approx([0.5, 0.5])


def test_seeds_that_are_not_there_do_not_count() -> None:
    result = aggregate([block([2.0, 3.0, np.nan], [1.0, np.nan, 2.5])])
    assert result.improvement.values == pytest.approx([0.75, 0.25])
    assert result.mean.values == pytest.approx([0.375, -0.375])


def test_few_seeds() -> None:
    one = aggregate([block([2.0], [1.0])])
    assert one.improvement.values.tolist() == [1, 0]
    for each in (one.mean, one.improvement, one.rank):
        assert np.isnan(each.low).all()
    two = aggregate([block([2.0, 2.1], [1.0, 1.2])])
    assert 0 < two.improvement.low[0] < two.improvement.high[0] == pytest.approx(1)
    with pytest.raises(ValueError, match="`confidence` must lie between 0 and 1"):
        aggregate([block([2.0, 2.1], [1.0, 1.2])], confidence=95)


def test_seeds_that_all_agree_do_not_make_it_certain() -> None:
    """Wilson's interval of 3 of 3 runs begins at 0.44, of 6 of 6 at 0.61, of 30 of 30 at 0.89."""
    result = aggregate([block([2.0, 2.1, 2.2], [1.0, 1.2, 1.1])])
    assert (result.improvement.low[0], result.improvement.high[0]) == (pytest.approx(0.61, abs=0.01), 1)
    assert (result.rank.low[0], result.rank.high[0]) == (1, pytest.approx(1.39, abs=0.01))
    many = aggregate([block([2.0, 2.1, 2.2], [1.0, 1.2, 1.1])] * 5)
    assert many.improvement.low[0] == pytest.approx(0.886, abs=0.01)


@pytest.mark.parametrize(("num_sets", "num_seeds"), [(1, 3), (1, 5), (3, 5)])
def test_intervals_cover(num_sets: int, num_seeds: int) -> None:
    """200 times two algorithms at two places of each data set; docs/statistics.md has 2000 and more settings."""
    rng = np.random.default_rng(2)
    gap, seed, point = 0.4, 0.4, 1.0
    hits = np.zeros(2)
    for _ in range(200):
        blocks = []
        for _ in range(num_sets):
            values = np.array([gap, 0.0])[:, None, None] + seed * rng.normal(size=(2, 2, num_seeds, 1))
            values = values + 30 * rng.normal(size=50) + point * rng.normal(size=(2, 2, 1, 50))
            values = values + rng.normal(size=(2, 2, num_seeds, 50))
            blocks.append(Block(values.mean(-1), values))
        result = aggregate(blocks, num_resamples=100)
        better = stats.norm.cdf(gap / 2**0.5 / seed)
        hits += [
            result.mean.low[0] <= gap / 2 <= result.mean.high[0],
            result.improvement.low[0] <= better <= result.improvement.high[0],
        ]
    assert (hits / 200 >= 0.9).all()
    assert hits[0] / 200 <= 0.99


@pytest.mark.parametrize(("shared", "most"), [(0.0, 1.08), (0.5, 1.25)])
def test_the_variance_of_an_improvement_is_that_between_runs(shared: float, most: float) -> None:
    """Three seeds, at two places of a data set; ``shared`` of a seed's variance is the same for all algorithms.

    The jackknife's is too large by 20 and 35 %.
    """
    rng, shape = np.random.default_rng(4), (4000, 2, 2, 3)
    seeds = (1 - shared) ** 0.5 * rng.normal(size=shape) + shared**0.5 * rng.normal(size=(4000, 1, 1, 3))
    scores = seeds + np.array([0.5, 0.0])[:, None]
    estimated = np.mean([variances([each])[0] for each in scores], axis=0)
    ratios = estimated / improvements([scores]).var(0)
    assert (ratios > 0.95).all()
    assert (ratios < most).all()


def test_the_variance_of_an_improvement_counts_places_and_seeds_that_are_there() -> None:
    scores = np.random.default_rng(5).normal(size=(2, 3, 4))
    alone = variances([scores])[0]
    assert variances([scores[:1], scores[1:]]).sum(0) == pytest.approx(alone, rel=1)  # as if other seeds, at each place
    assert variances([scores, scores]) == pytest.approx(np.tile(alone / 4, (2, 1)))
    missing = np.concatenate([scores, np.full((2, 3, 1), np.nan)], axis=-1)
    assert variances([missing])[0] == pytest.approx(alone, rel=0.3)
    assert np.isnan(variances([scores[..., :1]])).all()


def test_intervals_of_p_better_are_not_too_wide() -> None:
    """Three algorithms and seeds, three data sets with two places: 98.2 % with the jackknife and a floor of 36 runs."""
    rng, levels, hits = np.random.default_rng(6), np.array([0.4, 0.0, -0.2]), 0.0
    above = stats.norm.cdf((levels[:, None] - levels) / 2**0.5 / 0.4)
    true = (above.sum(1) - 0.5) / 2
    for _ in range(600):
        blocks = [Block(levels[:, None] + 0.4 * rng.normal(size=(2, 3, 3))) for _ in range(3)]
        found = aggregate(blocks).improvement
        hits += ((found.low <= true) & (true <= found.high)).mean()
    assert 0.945 < hits / 600 < 0.976


def test_the_error_of_the_points_is_in_the_intervals() -> None:
    """All seeds agree on which is better, on 20 points that do not."""
    rng = np.random.default_rng(3)
    uneven = 2 * rng.normal(size=20)
    values = np.stack([np.tile(0.3 + uneven - uneven.mean(), (5, 1)), np.zeros((5, 20))])[None]
    values = values + 0.01 * rng.normal(size=(1, 2, 5, 1))
    with_points, without = aggregate([Block(values.mean(-1), values)]), aggregate([Block(values.mean(-1))])
    assert without.mean.low[0] > 0 > with_points.mean.low[0]
    half = stats.t.ppf(0.975, 19) * uneven.std(ddof=1) / 2 / 20**0.5
    assert with_points.mean.high[0] - with_points.mean.values[0] == pytest.approx(half, rel=0.1)
    assert with_points.improvement.low[0] < 0.5 < without.improvement.low[0]
