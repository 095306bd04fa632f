from __future__ import annotations

import numpy as np
import pytest

from bench.statistics import intervals


def test_numbers_worked_out_by_hand() -> None:
    values = [1.0, 2.0, 3.0, 4.0]
    half = 3.182446305 * np.sqrt(5 / 3) / 2  # t for 3 degrees of freedom, from a table; sd over sqrt(4)
    low, high = intervals.mean_interval(values)
    assert intervals.mean(values) == 2.5
    assert intervals.spread(values) == pytest.approx(np.sqrt(5 / 3))
    assert (low, high) == (pytest.approx(2.5 - half), pytest.approx(2.5 + half))


def test_monte_carlo_errors_of_independent_estimates_add_in_squares() -> None:
    assert intervals.error_of_mean([0.3, 0.4]) == pytest.approx(0.25)


def test_seeds_lie_along_the_first_axis() -> None:
    values = np.array([[1.0, 10.0], [3.0, 30.0]])
    assert intervals.mean(values).tolist() == [2.0, 20.0]
    assert intervals.spread(values) == pytest.approx([np.sqrt(2), 10 * np.sqrt(2)])
    assert intervals.mean_interval(values)[0].shape == (2,)
    with pytest.raises(ValueError, match="first axis"):
        intervals.mean(3.0)


def test_one_seed_has_a_mean_and_no_interval() -> None:
    assert intervals.mean([7.0]) == 7.0
    assert np.isnan(intervals.spread([7.0]))
    assert np.isnan(intervals.mean_interval([7.0])).all()


def test_no_seed_is_nan_without_a_warning() -> None:
    assert np.isnan(intervals.mean([]))
    assert np.isnan(intervals.error_of_mean([]))
    assert np.isnan(intervals.mean_interval([])).all()


def test_coverage_is_nominal() -> None:
    """Three seeds, 40,000 times; the tolerance of 4 standard errors gives one false alarm in 16,000 runs."""
    repeats = 40_000
    values = np.random.default_rng(0).normal(-100, 2, size=(3, repeats))
    for confidence in (0.5, 0.95):
        low, high = intervals.mean_interval(values, confidence)
        covered = np.mean((low < -100) & (high > -100))
        assert abs(covered - confidence) < 4 * np.sqrt(confidence * (1 - confidence) / repeats)


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_is_a_probability(confidence: float) -> None:
    with pytest.raises(ValueError, match=f"`confidence` must lie between 0 and 1 .got {confidence}"):
        intervals.mean_interval([1.0, 2.0], confidence)
