"""Tests of many differences: against SciPy, by simulation of false alarms, and edge cases."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.statistics import moderated, multiple

RATE = 0.05


def p_values(samples: list[moderated.Sample]) -> list[float]:
    return [test.p for test in moderated.t_tests(samples)]


def test_alone_they_are_students_tests() -> None:
    rng = np.random.default_rng(0)
    base, new = rng.normal(size=5), rng.normal(0.7, size=5)
    expected = stats.ttest_rel(new, base)
    (test,) = moderated.t_tests([moderated.paired(base, new)])
    assert test.p == pytest.approx(expected.pvalue)
    assert test.interval() == pytest.approx(tuple(expected.confidence_interval()))
    assert p_values([moderated.unpaired(base, new[:3])])[0] == pytest.approx(stats.ttest_ind(new[:3], base).pvalue)


@pytest.mark.parametrize("degrees", [3.0, 8.0, np.inf])
def test_the_spread_of_variances_is_estimated(degrees: float) -> None:
    rng = np.random.default_rng(1)
    true = np.full(20_000, 2.0) if np.isinf(degrees) else 2.0 * degrees / rng.chisquare(degrees, 20_000)
    observed = true * rng.chisquare(4, 20_000) / 4
    fitted, variance = moderated.prior(observed, np.full(20_000, 4.0))
    assert variance == pytest.approx(2.0, rel=0.05)
    assert fitted > 50 if np.isinf(degrees) else fitted == pytest.approx(degrees, rel=0.15)


@pytest.mark.parametrize("spreads", ["alike", "unlike"])
def test_false_alarms_stay_at_their_rate_and_power_is_gained(spreads: str) -> None:
    rng = np.random.default_rng(2)
    alarms = detected = detected_alone = 0
    repeats, cells = 1000, 9
    for _ in range(repeats):
        sd = np.full(cells, 0.5) if spreads == "alike" else rng.choice([0.1, 0.5], cells)
        base, new = rng.normal(0, sd, (5, cells)), rng.normal(0, sd, (5, cells))
        samples = [moderated.paired(base[:, c], new[:, c]) for c in range(cells)]
        alarms += multiple.holm(p_values(samples), RATE).any()
        new[:, 0] -= 2
        samples[0] = moderated.paired(base[:, 0], new[:, 0])
        detected += multiple.holm(p_values(samples), RATE)[0]
        detected_alone += stats.ttest_rel(new[:, 0], base[:, 0]).pvalue <= RATE / cells
    assert alarms / repeats <= RATE + 3 * (RATE * (1 - RATE) / repeats) ** 0.5
    assert detected / repeats >= 0.95
    assert detected > detected_alone + 0.05 * repeats


def test_no_samples_and_samples_without_variance() -> None:
    same = moderated.paired([1.0, 2.0, 3.0], [1.0, 2.0, 3.0])
    shifted = moderated.paired([1.0, 2.0, 3.0], [0.5, 1.5, 2.5])
    assert p_values([same, shifted]) == [1, 0]
    assert p_values([]) == []
