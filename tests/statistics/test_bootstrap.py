"""Bootstrap intervals: coverage by simulation, and when no interval is returned."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from scipy import stats

from bench.statistics import bootstrap


def coverage(num_seeds: int, num_repeats: int = 600) -> float:
    rng = np.random.default_rng(1)
    covered = 0
    for _ in range(num_repeats):
        low, high = bootstrap.interval([rng.normal(size=num_seeds)], bootstrap.mean, num_resamples=2000)
        covered += low <= 0 <= high
    return covered / num_repeats


@pytest.mark.parametrize("num_seeds", [5, 10])
def test_coverage_is_about_nominal(num_seeds: int) -> None:
    assert 0.9 <= coverage(num_seeds) <= 0.98


def test_coverage_of_plain_percentiles_is_too_low(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "expanded_tail", lambda num_seeds, confidence: (1 - confidence) / 2)
    assert coverage(5) < 0.88


def test_the_ends_are_those_of_all_resamples() -> None:
    values = np.array([1.0, 2.0, 4.0, 8.0, 16.0])
    every = np.sort([np.mean(drawn) for drawn in itertools.product(values, repeat=5)])
    tail = stats.norm.cdf(-math.sqrt(5 / 4) * stats.t.ppf(0.95, 4))
    low, high = bootstrap.interval([values], bootstrap.mean, confidence=0.9, num_resamples=200_000)
    assert low == pytest.approx(np.quantile(every, tail), abs=0.1)
    assert high == pytest.approx(np.quantile(every, 1 - tail), abs=0.1)


def test_strata_are_resampled_independently() -> None:
    far_apart = [np.full(5, 0.0), np.full(5, 100.0)]
    assert bootstrap.interval(far_apart, bootstrap.mean) == (50.0, 50.0)


def test_infinite_values_are_kept() -> None:
    def median(strata: object) -> np.ndarray:
        return np.median(np.asarray(strata)[0], axis=1)

    low, high = bootstrap.interval([[1.0, 2.0, 3.0, math.inf, math.inf]], median)
    assert math.isfinite(low)
    assert high == math.inf


def test_few_seeds_have_no_interval_and_results_are_deterministic() -> None:
    assert all(map(math.isnan, bootstrap.interval([[1.0, 2.0, 3.0, 4.0]], bootstrap.mean)))
    assert all(map(math.isnan, bootstrap.interval([np.arange(9), [1.0]], bootstrap.mean)))
    assert all(map(math.isnan, bootstrap.interval([], bootstrap.mean)))
    values = np.random.default_rng(0).normal(size=7)
    assert bootstrap.interval([values], bootstrap.mean) == bootstrap.interval([values], bootstrap.mean)
    with pytest.raises(ValueError, match="`confidence` must lie between 0 and 1"):
        bootstrap.interval([values], bootstrap.mean, confidence=95)
