"""Paired differences and the probability of improvement."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics import paired


def test_few_seeds_use_students_t_and_more_use_the_bootstrap() -> None:
    values = np.array([1.0, 2.0, 4.0])
    result = paired.difference([values])
    expected = stats.t.interval(0.95, 2, values.mean(), stats.sem(values))
    assert (result.low, result.high) == pytest.approx(expected)
    assert (result.method, result.num_seeds) == ("Student t", 3)
    five = paired.difference([np.array([1.0, 2.0, 4.0, 3.0, 2.5])])
    assert five.method == "bootstrap"
    assert five.mean == pytest.approx(2.5)
    assert 1.0 <= five.low < five.mean < five.high <= 4.0


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
