"""Holm's procedure, its adjusted p-values, and simultaneous intervals."""

from __future__ import annotations

import numpy as np
import pytest

from bench.statistics import multiple, paired


def test_holm_is_the_step_down_procedure() -> None:
    assert multiple.holm([0.03, 0.01, 0.04, 0.012], 0.05).tolist() == [False, True, False, True]
    assert multiple.holm([0.01, 0.02, 0.05], 0.05).tolist() == [True, True, True]
    assert multiple.holm([0.02, 0.001], 0.01).tolist() == [False, True]
    assert multiple.holm([], 0.05).tolist() == []


def test_adjusted_values_are_the_rates_at_which_holm_rejects() -> None:
    """R's p.adjust(c(0.01, 0.02, 0.03, 0.04, 0.05), "holm") gives 0.05, 0.08, 0.09, 0.09, 0.09."""
    assert multiple.adjusted([0.01, 0.02, 0.03, 0.04, 0.05]) == pytest.approx([0.05, 0.08, 0.09, 0.09, 0.09])
    rng = np.random.default_rng(0)
    for _ in range(50):
        p = rng.random(rng.integers(1, 8)) ** 3
        for rate in (0.01, 0.05, 0.2):
            assert ((multiple.adjusted(p) <= rate) == multiple.holm(p, rate)).all()


def test_what_was_not_tested_does_not_count() -> None:
    found = multiple.adjusted([0.02, np.nan, 0.9])
    assert found[[0, 2]] == pytest.approx([0.04, 0.9])
    assert np.isnan(found[1])
    assert multiple.adjusted([]).tolist() == []
    assert multiple.each_confidence(0.95, 0) == pytest.approx(0.95)


def test_false_verdicts_among_all_and_intervals_that_hold_together() -> None:
    """Three algorithms at three places, without a difference: 400 times; the unadjusted tests fail four times as often.

    The algorithms share their test points, and the pairs their algorithms: neither correction needs independence.
    """
    rng = np.random.default_rng(0)
    unadjusted = any_false = any_missed = 0
    for _ in range(400):
        values = 5 * rng.normal(size=(1, 1, 1, 50)) + rng.normal(size=(3, 3, 5, 1)) + rng.normal(size=(3, 3, 5, 50))
        pairs = [place[i] - place[j] for place in values for i, j in ((0, 1), (0, 2), (1, 2))]
        p = np.array([paired.difference([each]).p for each in pairs])
        confidence = multiple.each_confidence(0.95, len(pairs))
        together = [paired.difference([each], confidence) for each in pairs]
        unadjusted += (p <= 0.05).any()
        any_false += multiple.holm(p, 0.05).any()
        any_missed += any(each.low > 0 or each.high < 0 for each in together)
    assert unadjusted / 400 > 0.2
    assert any_false / 400 <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5
    assert any_missed <= any_false
