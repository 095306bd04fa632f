"""Power and the number of seeds: against the noncentral t distribution, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.statistics import paired, power
from bench.statistics.power import Spread


@pytest.mark.parametrize(("num_seeds", "difference"), [(3, 2.0), (5, 1.0), (10, 1.0), (30, 0.5)])
@pytest.mark.parametrize("level", [0.05, 0.005])
def test_over_seeds_alone_it_is_that_of_students_test(num_seeds: int, difference: float, level: float) -> None:
    critical = stats.t.ppf(1 - level / 2, num_seeds - 1)
    exact = 1 - stats.nct.cdf(critical, num_seeds - 1, difference * num_seeds**0.5)
    assert power.power(Spread(1.0, 0.0, 0.0), difference, num_seeds, 1, level) == pytest.approx(exact, abs=2e-3)


@pytest.mark.parametrize(
    ("shape", "deviations", "difference", "level"),
    [
        ((3, 100), (0.05, 0.5, 1.0), 0.3, 0.05),
        ((5, 300), (0.05, 0.5, 1.0), 0.15, 0.05),
        ((5, 300), (0.5, 5.0, 3.0), 1.5, 0.005),
        ((4, 300), (0.1, 0.0, 1.0), 0.3, 0.05),  # points of its own for each seed
    ],
)
def test_predicted_and_simulated(
    shape: tuple[int, int], deviations: tuple[float, float, float], difference: float, level: float
) -> None:
    """1000 times each: within three standard errors."""
    rng = np.random.default_rng(1)
    seed, point, both = deviations
    found = 0
    for _ in range(1000):
        effects = seed * rng.normal(size=(shape[0], 1)) + point * rng.normal(size=(1, shape[1]))
        values = difference + effects + both * rng.normal(size=shape)
        found += paired.difference([values], 1 - level).low > 0
    predicted = power.power(Spread(*(each**2 for each in deviations)), difference, *shape, level)
    assert 0.1 < predicted < 0.99
    assert found / 1000 == pytest.approx(predicted, abs=3 * (predicted * (1 - predicted) / 1000) ** 0.5 + 0.002)


def test_the_number_of_seeds_is_the_smallest_that_is_enough() -> None:
    """A table of sample sizes: a t-test of one standard deviation at 5 % needs 10 pairs for 80 %, 13 for 90 %."""
    one = Spread(1.0, 0.0, 0.0)
    assert power.seeds_needed(one, 1.0, 1, 0.05, 0.8) == 10
    assert power.seeds_needed(one, 1.0, 1, 0.05, 0.9) == 13
    spread = Spread(0.1, 4.0, 1.0)
    needed = power.seeds_needed(spread, 0.5, 300, 0.01, 0.8)
    assert needed is not None
    assert power.power(spread, 0.5, needed, 300, 0.01) >= 0.8 > power.power(spread, 0.5, needed - 1, 300, 0.01)
    points = power.points_needed(spread, 0.8, 5, 0.05, 0.8)
    assert points is not None
    assert power.power(spread, 0.8, 5, points, 0.05) >= 0.8 > power.power(spread, 0.8, 5, points - 1, 0.05)


def test_what_no_reasonable_number_achieves() -> None:
    assert power.seeds_needed(Spread(1.0, 0.0, 0.0), 0.01, 1, 0.05, 0.8) is None
    assert power.seeds_needed(Spread(0.0, 100.0, 0.0), 1.0, 100, 0.05, 0.8) is None  # the points' error is 1
    assert power.points_needed(Spread(0.0, 100.0, 0.0), 1.0, 5, 0.05, 0.8) == pytest.approx(790, abs=10)
    assert power.points_needed(Spread(1.0, 0.0, 0.0), 0.5, 5, 0.05, 0.8) is None
    assert power.power(Spread(0.0, 0.0, 0.0), 0.1, 2, 5) == 1
    assert power.seeds_needed(Spread(0.0, 0.0, 0.0), 0.0, 5, 0.05, 0.8) is None


def test_variances_are_estimated_and_limited() -> None:
    """Means over 500 samples, and how often the variance of seeds is below the cautious one."""
    rng = np.random.default_rng(2)
    samples = [
        0.5 * rng.normal(size=(5, 1)) + 2 * rng.normal(size=(1, 200)) + rng.normal(size=(5, 200)) for _ in range(500)
    ]
    found = [Spread.of(sample) for sample in samples]
    assert np.mean([each.seeds for each in found]) == pytest.approx(0.25, rel=0.1)
    assert np.mean([each.points for each in found]) == pytest.approx(4, rel=0.05)
    assert np.mean([each.both for each in found]) == pytest.approx(1, rel=0.02)
    below = np.mean([Spread.of(sample, cautious=True).seeds >= 0.25 for sample in samples])
    assert below == pytest.approx(0.8, abs=0.06)
