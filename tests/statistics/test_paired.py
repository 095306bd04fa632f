"""Paired differences and the probability of improvement."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from bench.statistics import bootstrap, crossed, paired


@pytest.mark.parametrize("values", [[1.0, 2.0, 4.0], [1.0, 2.0, 4.0, 3.0, 2.5]])
def test_over_seeds_alone_it_is_students_t(values: list[float]) -> None:
    result = paired.difference([values])
    expected = stats.t.interval(0.95, len(values) - 1, np.mean(values), stats.sem(values))
    assert (result.low, result.high) == pytest.approx(expected)
    assert (result.method, result.num_seeds) == ("Student t", len(values))
    assert result.p == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_the_p_value_is_where_the_interval_begins_to_exclude_no_difference(confidence: float) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 1)) + rng.normal(size=(1, 30)) + rng.normal(size=(4, 30))
    low, _ = crossed.mean_interval(values, confidence)
    for shift, excluded in ((1e-6, True), (-1e-6, False)):
        result = paired.difference([values - low + shift], confidence)
        assert (result.low > 0) == excluded == (result.p < 1 - confidence)
        assert result.p == pytest.approx(1 - confidence, rel=1e-3)
    assert paired.difference([np.zeros((3, 2))]).p == 1
    assert paired.difference([np.ones((3, 2))]).p == 0
    assert np.isnan(paired.difference([np.ones((1, 2))]).p)


def test_one_seed_has_no_interval_and_no_seed_is_nan() -> None:
    one = paired.difference([[2.0]])
    assert (one.mean, one.method, one.num_seeds) == (2.0, "", 1)
    assert math.isnan(one.low)
    assert math.isnan(paired.difference([]).mean)
    assert math.isnan(paired.difference([[1.0, 2.0], []]).mean)


def test_places_have_equal_weight() -> None:
    assert paired.difference([[0.0, 0.0], [4.0, 4.0, 4.0]]).mean == pytest.approx(2)


def test_probability_of_improvement_is_that_of_mann_whitney() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(0.5, size=6).round(1), rng.normal(size=6).round(1)
    expected = stats.mannwhitneyu(a, b).statistic / 36
    assert paired.probability_of_improvement([(a, b)]) == pytest.approx(expected)
    assert paired.probability_of_improvement([(b, a)]) == pytest.approx(1 - expected)
    assert paired.probability_of_improvement([(a, a)]) == 0.5
    assert paired.probability_of_improvement([([1.0], [0.0]), ([0.0], [1.0])]) == 0.5
    assert paired.probability_of_improvement([([math.inf], [1.0])]) == 1
    assert math.isnan(paired.probability_of_improvement([]))
    low, high = paired.improvement_interval([(a, b)])
    assert 0 <= low <= expected <= high <= 1
    assert all(map(math.isnan, paired.improvement_interval([(a[:3], b[:3])])))


def test_the_interval_of_improvement_is_that_of_all_pairs_of_each_resample() -> None:
    rng = np.random.default_rng(0)
    places = [(np.round(rng.normal(size=n)), np.round(rng.normal(size=n))) for n in (5, 8)]
    places[0][1][0] = -math.inf

    def wins(resampled: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
        sides = [(each[:, :, None, 0], each[:, None, :, 1]) for each in resampled]
        shares: NDArray[np.float64] = np.mean([((a > b) + (a == b) / 2).mean(axis=(1, 2)) for a, b in sides], axis=0)
        return shares

    expected = bootstrap.interval([np.stack(place, axis=-1) for place in places], wins)
    assert paired.improvement_interval(places) == expected


def test_the_interval_of_improvement_of_200_seeds_takes_less_than_200_megabytes() -> None:
    rng = np.random.default_rng(0)
    tracemalloc.start()
    low, high = paired.improvement_interval([(rng.normal(size=200) + 1, rng.normal(size=200))])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert 0.5 < low < high < 1
    assert peak < 200e6
