from __future__ import annotations

import numpy as np
import pytest

from bench.statistics import curves


def test_points_are_what_a_logarithmic_axis_can_show() -> None:
    x, y = curves.points([0, 30, 10, 20, 10, np.nan, 40], [-9, -3, -1, np.nan, -2, -5, -np.inf])
    assert x.tolist() == [10, 30]
    assert y.tolist() == [-2, -3]  # the last of the two at 10


def test_seeds_on_one_grid_are_averaged_as_they_are() -> None:
    x = np.array([100.0, 158.0, 251.0])
    band = curves.band([(x, np.array([-3.0, -2.0, -1.0])), (x, np.array([-5.0, -2.5, -1.2]))])
    assert band is not None
    assert band.x.tolist() == x.tolist()
    assert band.mean.tolist() == [-4.0, -2.25, -1.1]
    assert band.low.tolist() == [-5.0, -2.5, -1.2]
    assert band.high.tolist() == [-3.0, -2.0, -1.0]


def test_seeds_of_different_speed_are_interpolated_in_log_x_on_their_common_range() -> None:
    slow = (np.array([1.0, 100.0]), np.array([0.0, 2.0]))  # 1 at x = 10
    fast = (np.array([10.0, 1000.0]), np.array([5.0, 7.0]))  # 6 at x = 100
    x, values = curves.align([slow, fast])
    assert x.tolist() == [10, 100]
    assert values[0] == pytest.approx([1, 2])
    assert values[1] == pytest.approx([5, 6])


def test_mean_ends_with_the_shortest_seed() -> None:
    x = np.array([1.0, 10.0, 100.0])
    band = curves.band([(x, x), (x[:2], 3 * x[:2])])
    assert band is not None
    assert band.x.tolist() == [1, 10]
    assert band.mean.tolist() == [2, 20]


def test_seeds_that_never_meet_have_no_mean() -> None:
    early, late = (np.array([1.0, 2.0]), np.zeros(2)), (np.array([3.0, 4.0]), np.zeros(2))
    assert curves.band([early, late]) is None
    assert curves.band([]) is None
    assert curves.band([early, (np.empty(0), np.empty(0))]) is None


def test_range_leaves_out_the_untrained_model() -> None:
    learning = np.array([-543.0, -206.0, -150.0, -110.0, -100.0])
    low, high = curves.visible_range([learning])
    assert -160 < low < -150
    assert -100 < high < -95


def test_curve_that_blew_up_does_not_set_the_range() -> None:
    learning = np.array([-50.0, -40.0, -30.0, -20.0])
    assert curves.visible_range([learning, np.array([-50.0, -1e3, -1e6, -3e9])]) == curves.visible_range([learning])


def test_bound_that_falls_a_little_stays_in_view() -> None:
    """As wake-sleep's may, since wake-sleep does not maximise the bound."""
    low, high = curves.visible_range([np.array([-45.0, -30.0, -20.0]), np.array([-45.0, -48.0, -50.0])])
    assert low < -48
    assert high > -20
    assert curves.visible_range([np.array([-45.0, -48.0, -50.0])])[0] < -48


def test_single_values_are_always_in_view() -> None:
    low, high = curves.visible_range([np.array([-30.0, -20.0])], single=[-90, -10])
    assert low < -90
    assert high > -10


def test_there_is_a_range_even_if_there_is_nothing_to_show() -> None:
    assert curves.visible_range([]) == (0, 1)
    low, high = curves.visible_range([np.array([-20.0])])
    assert low < -20 < high


def test_entry_is_the_first_x_at_which_a_curve_is_visible() -> None:
    x, y = np.array([1.0, 10.0, 100.0]), np.array([-50.0, -30.0, -20.0])
    assert curves.entry(x, y, -35) == 10
    assert curves.entry(x, y, -5) == 1
