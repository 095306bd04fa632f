"""Time to a target and area under a curve, on curves with known answers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics import convergence

X = np.array([1.0, 10.0, 100.0, 1000.0])
RISING = (X, np.array([0.0, 1.0, 2.0, 3.0]))  # y = log10 x


@pytest.mark.parametrize(("target", "expected"), [(-1.0, 1.0), (0.0, 1.0), (0.5, 10**0.5), (2.0, 100.0), (3.0, 1000.0)])
def test_time_on_a_logarithm(target: float, expected: float) -> None:
    assert convergence.time_to(target, RISING) == pytest.approx(expected)


def test_never_is_infinite_and_the_first_time_counts() -> None:
    assert convergence.time_to(3.1, RISING) == math.inf
    assert convergence.time_to(0.0, (np.empty(0), np.empty(0))) == math.inf
    falls_back = (X, np.array([0.0, 2.0, 0.0, 3.0]))
    assert convergence.time_to(1.0, falls_back) == pytest.approx(10**0.5)


@given(st.floats(0.01, 2.99), st.floats(0.001, 1.0))
def test_a_higher_target_never_comes_earlier(target: float, more: float) -> None:
    assert convergence.time_to(target + more, RISING) >= convergence.time_to(target, RISING)


def test_height_of_a_logarithm_is_its_middle() -> None:
    assert convergence.mean_height(RISING, 1, 1000) == pytest.approx(1.5)
    assert convergence.mean_height(RISING, 3, 300) == pytest.approx(np.log10(3 * 300) / 2)
    dense = np.logspace(0, 3, 2000)
    assert convergence.mean_height((dense, np.log(dense) ** 2), 1, 1000) == pytest.approx(
        np.log(1000) ** 2 / 3, rel=1e-4
    )


@pytest.mark.parametrize(("low", "high"), [(0.5, 100), (1, 2000), (100, 100), (0, 100)])
def test_height_is_nan_outside_the_curve(low: float, high: float) -> None:
    assert math.isnan(convergence.mean_height(RISING, low, high))
