"""What counts as diverged, and that a dip from which a run recovers does not."""

from __future__ import annotations

import math

import pytest

from bench.training.divergence import divergence

MARKS = [0, 100, 158, 251, 398, 631, 1000, 1585]


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_not_finite_is_diverged_at_once(bad: float) -> None:
    assert divergence([0, 100], [-543.0, bad])
    assert divergence([100], [bad])


def test_rising_and_falling_a_little_are_not() -> None:
    assert not divergence(MARKS, [-543.0, -300, -250, -400, -200, -180, -170, -169], ended=True)
    assert not divergence(MARKS[:3], [1000.0, -8000, -9000], ended=True)  # Gaussian bounds may begin above zero
    assert not divergence([], [])


def test_a_dip_is_waited_out_for_a_decade_of_samples() -> None:
    blown = [-543.0] + [-1e9] * 7
    for count in range(2, 7):
        assert not divergence(MARKS[:count], blown[:count])
    assert "blown up" in divergence(MARKS[:7], blown[:7])
    assert not divergence(MARKS[:7], [*blown[:6], -300.0])
    assert not divergence(MARKS, [*blown[:5], -300.0, -1e9, -1e9])  # the second dip has just begun


COMES_BACK = [-44.4, -44.0, -652.1, -32237.6, -6270.9, -3945.9, -3481.5, -2767.8, -1928.6]
SLOWLY = [-46.5, -89.0, -803.6, -518.6, -1538.3, -1633.1, -1363.3, -1286.1, -1080.5]


@pytest.mark.parametrize("bounds", [COMES_BACK, SLOWLY])
def test_a_training_that_comes_back_is_not_stopped_however_deep_it_fell(bounds: list[float]) -> None:
    """Two trials of wake-sleep on digits, step size 0.1: Adagrad's first steps cost up to 30,000 nats."""
    marks = [0, 100, 200, 300, 400, 700, 1000, 1600, 2600]
    assert all(not divergence(marks[:count], bounds[:count]) for count in range(2, 10))
    assert "blown up" in divergence(marks, bounds, ended=True)


def test_half_of_the_way_back_is_asked_for_in_a_decade() -> None:
    marks = [0, 100, 251]
    assert not divergence([*marks, 2509], [-44.4, -20_000, -30_000, -29_000])  # the lowest is not a decade ago
    assert "blown up" in divergence([*marks, 2510], [-44.4, -20_000, -30_000, -20_000])
    assert not divergence([*marks, 2510], [-44.4, -20_000, -30_000, -14_000])


def test_one_that_falls_on_and_on_is_stopped() -> None:
    falling = [-44.4 * 3**i for i in range(10)]
    marks = [0, 100, 200, 300, 400, 700, 1000, 1600, 2600, 4000]
    assert not divergence(marks[:9], falling[:9])  # below the floor since 300
    assert "blown up" in divergence(marks, falling)


def test_at_the_end_nothing_is_waited_for() -> None:
    assert "-1e+09" in divergence([0, 100], [-543.0, -1e9], ended=True)
