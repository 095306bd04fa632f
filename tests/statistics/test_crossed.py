from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.statistics import crossed, intervals, paired

Array = NDArray[np.float64]


def drawn(rng: np.random.Generator, shape: tuple[int, int], seed: float, point: float, both: float) -> Array:
    """Values [S, N] with mean 0 and effects of these standard deviations."""
    num_seeds, num_points = shape
    effects = seed * rng.normal(size=(num_seeds, 1)) + point * rng.normal(size=(1, num_points))
    values: Array = effects + both * rng.normal(size=shape)
    return values


def coverage(shape: tuple[int, int], seed: float, point: float, both: float, repeats: int) -> float:
    rng = np.random.default_rng(0)
    ends = [crossed.mean_interval(drawn(rng, shape, seed, point, both)) for _ in range(repeats)]
    return float(np.mean([low < 0 < high for low, high in ends]))


def test_numbers_worked_out_by_hand() -> None:
    """Mean 43/12, of the seeds 3 and 25/6, of the points 1.5, 5.5 and 3.75; t of 1 and 2 degrees from a table."""
    values = [[1.0, 5.0, 3.0], [2.0, 6.0, 4.5]]
    seeds = 3 * ((3 - 43 / 12) ** 2 + (25 / 6 - 43 / 12) ** 2)
    points = 2 * ((1.5 - 43 / 12) ** 2 + (5.5 - 43 / 12) ** 2 + (3.75 - 43 / 12) ** 2) / 2
    both = (2 * 2 * (1 / 12) ** 2 + 2 * (1 / 6) ** 2) / 2
    variances = crossed.Variances.of(values)
    assert variances.seeds == pytest.approx(seeds / 6)
    assert variances.points == pytest.approx((points - both) / 6)
    half = np.sqrt(12.70620474**2 * seeds / 6 + 4.302652730**2 * (points - both) / 6)
    assert crossed.mean_interval(values) == pytest.approx((43 / 12 - half, 43 / 12 + half))


@pytest.mark.parametrize(
    ("shape", "seed", "point"),
    [
        ((3, 100), 1.0, 30.0),
        ((3, 300), 1.0, 10.0),
        ((5, 100), 0.2, 30.0),  # an interval over seeds alone covers 15 %
        ((5, 300), 1.0, 30.0),
        ((10, 100), 2.0, 30.0),
    ],
)
def test_intervals_over_seeds_and_points_cover(shape: tuple[int, int], seed: float, point: float) -> None:
    """1500 times each, with a standard error of 0.5 %; more in docs/statistics.md."""
    assert 0.93 <= coverage(shape, seed, point, 3.0, 1500) <= 0.98


def test_an_interval_over_seeds_alone_would_not() -> None:
    rng = np.random.default_rng(0)
    ends = [intervals.mean_interval(drawn(rng, (5, 100), 0.2, 30.0, 3.0).mean(1)) for _ in range(300)]
    assert np.mean([low < 0 < high for low, high in ends]) < 0.3


def test_points_of_its_own_for_each_seed_lead_back_to_the_spread_over_seeds() -> None:
    rng = np.random.default_rng(1)
    for _ in range(20):
        values = rng.normal(size=(5, 1)) + 10 * rng.normal(size=(5, 1000))
        variances = crossed.Variances.of(values)
        over_seeds = values.mean(1).var(ddof=1) / 5
        assert variances.seeds == pytest.approx(over_seeds)
        assert variances.points < 0.2 * 100 / 5000
    assert 0.93 <= coverage((5, 300), 1.0, 0.0, 10.0, 1500) <= 0.97


@pytest.mark.parametrize("same", [True, False])
def test_the_error_of_the_points_is_what_other_points_would_change(same: bool) -> None:
    """Over 2000 repetitions, whether the points are the same in all seeds or not; within 5 %."""
    rng = np.random.default_rng(2)
    means, errors = [], []
    for _ in range(2000):
        points = np.broadcast_to(3 * rng.normal(size=(1 if same else 4, 50)), (4, 50))
        means.append(points.mean())
        errors.append(crossed.points_error(points))
    assert np.mean(np.square(errors)) == pytest.approx(np.var(means), rel=0.1)


def test_few_seeds_or_points() -> None:
    assert np.isnan(crossed.mean_interval([[1.0, 2.0]])).all()
    low, high = crossed.mean_interval([[1.0], [2.0], [4.0]])
    assert (low, high) == pytest.approx(tuple(map(float, intervals.mean_interval([1.0, 2.0, 4.0]))))
    assert crossed.mean_interval([[2.0, 2.0], [2.0, 2.0]]) == (2, 2)
    assert np.isnan(crossed.points_error([[1.0], [2.0]]))
    for wrong in (np.zeros(3), np.zeros((0, 3)), np.zeros((3, 0))):
        with pytest.raises(ValueError, match="`values` must be"):
            crossed.mean_interval(wrong)
    with pytest.raises(ValueError, match="`confidence` must lie between 0 and 1"):
        crossed.mean_interval(np.ones((2, 2)), 95)


def test_a_difference_of_a_third_of_a_nat_is_found_among_points_that_differ_by_thirty() -> None:
    """Of 400 pairs of models at least 95 %, and without a difference at most 7 % (nominally 5 %)."""
    rng = np.random.default_rng(3)

    def found(difference: float) -> float:
        hits = []
        for _ in range(400):
            common = 30 * rng.normal(size=(1, 300))  # how hard each point is, for both models
            one, other = (drawn(rng, (5, 300), 0.05, 0.5, 1.0) + common for _ in range(2))
            gap = paired.difference([one + difference - other])
            hits.append(gap.low > 0 or gap.high < 0)
        return float(np.mean(hits))

    assert found(0.3) >= 0.95
    assert found(0.0) <= 0.07
