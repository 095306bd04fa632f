"""Pareto fronts and performance profiles, compared with results worked out by hand."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from bench.statistics import pareto, profiles

POINTS = st.lists(st.tuples(st.floats(0.1, 100), st.floats(-100, 0)), min_size=1, max_size=12)


def test_front_of_known_points() -> None:
    cost, value = pareto.front([(3.0, -20.0), (1.0, -25.0), (2.0, -26.0), (1.0, -24.0), (4.0, -20.0)])
    assert cost.tolist() == [1.0, 3.0]
    assert value.tolist() == [-24.0, -20.0]
    assert [len(part) for part in pareto.front([])] == [0, 0]


@given(POINTS)
def test_exactly_the_points_on_the_front_are_not_dominated(points: list[tuple[float, float]]) -> None:
    front = set(zip(*map(tuple, pareto.front(points)), strict=True))
    for cost, value in points:
        beaten = any((c <= cost and v > value) or (c < cost and v >= value) for c, v in points)
        assert ((cost, value) in front) != beaten


def test_ratios_to_the_best_median_and_runs_that_never_reach_the_target() -> None:
    easy = {"a": [10.0, 20.0, 30.0], "b": [40.0, 40.0, math.inf]}
    unsolved = {"a": [math.inf], "b": [math.inf]}
    ratios = profiles.ratios([easy, unsolved])
    assert ratios["a"].tolist() == [0.5, 1.0, 1.5, math.inf]
    assert ratios["b"].tolist() == [2.0, 2.0, math.inf, math.inf]
    assert profiles.share_within([0.4, 1.0, 2.0, 1e9], ratios["a"]).tolist() == [0.0, 0.5, 0.75, 0.75]
    assert profiles.share_within([1.9, 2.0], ratios["b"]).tolist() == [0.0, 0.5]


def test_a_problem_that_few_solve_is_measured_against_the_fastest_run() -> None:
    ratios = profiles.ratios([{"a": [10.0, math.inf, math.inf], "b": [math.inf] * 3}])
    assert ratios["a"].tolist() == [1.0, math.inf, math.inf]
    assert np.isinf(ratios["b"]).all()
