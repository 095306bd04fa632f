"""Statistics of simulated gradients whose moments are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from bench import seeds
from bench.profiling.moments import BLOCKS, Measured, Moments

REPEATS = 64
SIMULATIONS = 200


def moments(gradients: Tensor) -> Moments:
    found = Moments()
    for gradient in gradients:
        found.add(gradient)
    return found


def simulated(mean: Tensor, deviation: Tensor, repeats: int = REPEATS) -> list[Moments]:
    noise = torch.randn(
        SIMULATIONS, repeats, len(mean), generator=seeds.generator("moments", repeats), dtype=torch.float64
    )
    return [moments(mean + deviation * each) for each in noise]


MEAN = torch.tensor([1.0, -0.2, 0.3, 2.0, 0.0], dtype=torch.float64)
DEVIATION = torch.tensor([2.0, 0.5, 1.0, 0.0, 0.0], dtype=torch.float64)  # the last two do not vary


def test_means_and_variances_are_those_of_the_sample() -> None:
    sample = 1e4 + torch.randn(REPEATS, 7, generator=seeds.generator("sample"), dtype=torch.float64)
    found = moments(sample)
    np.testing.assert_allclose(found.mean, sample.mean(0), rtol=1e-12)
    np.testing.assert_allclose(found.variance, sample.var(0), rtol=1e-9)
    np.testing.assert_allclose(found.block_means[3], sample[3::BLOCKS].mean(0), rtol=1e-12)


def test_the_signal_to_noise_ratio_is_the_root_mean_square_over_what_varies() -> None:
    truth = math.sqrt((0.5**2 + 0.4**2 + 0.3**2) / 3)
    squares = [each.signal_to_noise().value ** 2 for each in simulated(MEAN, DEVIATION)]
    error = float(np.std(squares) / np.sqrt(SIMULATIONS))
    assert float(np.mean(squares)) == pytest.approx(truth**2, abs=4 * error)
    assert error < 0.01


def test_noise_alone_has_no_signal() -> None:
    """Without the correction the ratio would be 1 / sqrt(64) = 0.125 every time."""
    ratios = [each.signal_to_noise() for each in simulated(torch.zeros(50), torch.ones(50))]
    assert float(np.mean([ratio.value == 0 for ratio in ratios])) > 0.3
    assert float(np.mean([ratio.value for ratio in ratios])) < 0.04


def test_a_gradient_without_noise_and_one_that_is_zero() -> None:
    assert moments(torch.ones(32, 3)).signal_to_noise() == (math.inf, 0)
    assert math.isnan(moments(torch.zeros(32, 3)).signal_to_noise().value)


def covered(found: list[Measured], truth: float) -> float:
    """How often the truth lies within two standard errors."""
    return float(np.mean([abs(each.value - truth) < 2 * each.error for each in found]))


def test_standard_errors_tell_the_spread() -> None:
    runs = simulated(MEAN, DEVIATION)
    every = {
        "variance": ([each.total_variance() for each in runs], float(DEVIATION.square().sum())),
        "ratio": ([each.signal_to_noise() for each in runs], math.sqrt((0.5**2 + 0.4**2 + 0.3**2) / 3)),
        "distance": (
            [each.distance((1.5 * MEAN).expand(BLOCKS, -1)) for each in runs],
            1 / 3,
        ),
    }
    for name, (found, truth) in every.items():
        spread, mean_error = np.std([each.value for each in found]), np.mean([each.error for each in found])
        assert 0.75 < mean_error / spread < 1.4, name
        assert covered(found, truth) > 0.82, name


def test_the_expected_gradient_has_no_distance_from_itself() -> None:
    """Noise adds nothing: the squares are as often negative, and then 0, as they are positive."""
    first, second = simulated(MEAN, DEVIATION), simulated(MEAN, DEVIATION, 2 * REPEATS)
    found = [one.distance(other.block_means) for one, other in zip(first, second, strict=True)]
    assert 0.3 < float(np.mean([each.value == 0 for each in found])) < 0.7
    assert float(np.mean([each.value < 3 * each.error for each in found])) > 0.97


def test_noise_that_target_and_gradient_share_cancels() -> None:
    one, other = simulated(MEAN, DEVIATION)[0], simulated(2 * MEAN, DEVIATION)[0]  # the same noise
    distance = other.distance(one.block_means)
    assert distance.value == pytest.approx(1.0, abs=3 * distance.error)
    assert one.distance(one.block_means).value == 0


def test_an_entry_that_varies_in_a_single_repetition_has_no_ratio() -> None:
    """Without the block of that repetition it would be infinite, and so would the error be."""
    noise = torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    plain, seldom = Moments(), Moments()
    for number, gradient in enumerate(1 + noise):
        plain.add(gradient)
        seldom.add(torch.cat([gradient, torch.tensor([1.0 + (number == 5)])]))
    assert seldom.signal_to_noise() == plain.signal_to_noise()
    only = Moments()
    for number in range(64):
        only.add(torch.tensor([1.0 + (number == 5)]))
    assert all(map(math.isnan, only.signal_to_noise()))
