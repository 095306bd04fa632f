"""Calibration of encoders whose posteriors are known in closed form."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats
from torch import nn

from bench import seeds
from bench.likelihood.calibration import Calibration, calibrate
from bench.models.decoder import Decoder
from bench.models.encoder import Encoder
from bench.models.latent import LatentVariableModel
from bench.models.observations.unit_gaussian import UnitGaussian
from bench.statistics import ranks

THRESHOLD = float(stats.norm.isf(1e-4 / 2))
SIZES = torch.tensor([2.0, 1.0, 0.5])  # x_j = a_j z_j + noise of variance 1


class Scaled(nn.Module):
    """z -> a z, the location of each pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes = nn.Parameter(SIZES.clone())

    def forward(self, z: torch.Tensor) -> tuple[torch.Tensor, None]:
        return self.sizes * z, None


class Posterior(nn.Module):
    """The exact mean a x / (1 + a^2), ``shift`` deviations off, and ``width`` times the exact deviation."""

    def __init__(self, width: float, shift: float) -> None:
        super().__init__()
        self.width, self.shift = width, shift

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        variance = 1 / (1 + SIZES**2)
        mean = variance * SIZES * x + self.shift * variance.sqrt()
        return mean, (variance * self.width**2).log().expand_as(mean)


def found(width: float, shift: float = 0.0, seed: int = 0) -> Calibration:
    model = LatentVariableModel(3, Decoder(Scaled(), UnitGaussian()), Encoder(Posterior(width, shift)))
    return calibrate(model, seeds.generator("test-calibration", seed))


@pytest.mark.parametrize(
    ("width", "shift", "verdict"),
    [
        (1.0, 0.0, "calibrated"),
        (0.5, 0.0, "overconfident"),
        (0.8, 0.0, "overconfident"),
        (2.0, 0.0, "underconfident"),
        (1.0, 0.3, "misplaced"),
    ],
)
def test_the_verdict(width: float, shift: float, verdict: str) -> None:
    assert found(width, shift).verdict == verdict


@pytest.mark.parametrize(("width", "inside"), [(1.0, True), (0.5, False), (2.0, False)])
def test_the_rank_histogram_stays_in_its_band_if_the_posterior_is_exact(width: float, inside: bool) -> None:
    for dimension in found(width).ranks.T:
        heights = ranks.histogram(dimension.numpy(), 20)
        low, high = ranks.uniform_band(len(dimension), 20, 0.999)
        assert bool(((heights >= low) & (heights <= high)).all()) == inside
        if width < 1:
            assert min(heights[0], heights[-1]) > high, "too narrow: the true z lies at both ends"


def test_an_exact_posterior_has_uniform_ranks_and_is_seldom_suspected() -> None:
    calls = [found(1.0, seed=seed) for seed in range(100)]
    assert sum(each.verdict != "calibrated" for each in calls) <= 5  # of 1 expected
    ranks = torch.cat([each.ranks for each in calls[:20]])
    assert all(stats.kstest(ranks[:, j].numpy(), "uniform").pvalue > 1e-4 for j in range(3))


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_coverage_is_that_of_the_normal_distribution(width: float) -> None:
    """A central 90 % interval of q is that of 1.645 * width exact standard deviations."""
    expected = 1 - 2 * stats.norm.sf(stats.norm.isf(0.05) * width)
    error = math.sqrt(expected * (1 - expected) / 1500)
    assert found(width).coverage == pytest.approx(expected, abs=THRESHOLD * error)


@pytest.mark.parametrize("width", [0.5, 1.0, 2.0])
def test_both_bounds_are_off_by_the_two_divergences(width: float) -> None:
    """KL(p || q) of Gaussians is 1/2 (1/w^2 - 1) + log w for each dimension, and KL(q || p) the same with w -> 1/w."""
    forward, reverse = (3 * (0.5 * (1 / w**2 - 1) + math.log(w)) for w in (width, 1 / width))
    each = found(width)
    entropy = 0.5 * float((2 * math.pi * math.e * (1 + SIZES**2)).log().sum())  # -E[log p(x)]
    assert each.eubo == pytest.approx(-entropy + forward, abs=THRESHOLD * each.eubo_se)
    assert each.bound == pytest.approx(-entropy - reverse, abs=THRESHOLD * each.bound_se)
    assert each.divergences == pytest.approx(forward + reverse, abs=THRESHOLD * math.hypot(each.eubo_se, each.bound_se))


def test_a_wrong_encoder_of_a_linear_gaussian_model_is_told_of(linear_gaussian: Any) -> None:
    model = linear_gaussian(4, 1, encoder=True).model  # with 150 % of the exact variances
    assert calibrate(model, seeds.generator("test-wide")).verdict == "underconfident"
