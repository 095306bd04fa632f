"""Rate-distortion curves against the closed form of linear-Gaussian models."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy import stats
from torch import Tensor

from bench import seeds
from bench.estimators.ais import AIS
from bench.models.latent import LatentVariableModel

THRESHOLD = float(stats.norm.isf(1e-4 / 2))


def exactly(model: LatentVariableModel, x: Tensor, beta: float) -> tuple[float, float]:
    """Rate and distortion of the Gaussian proportional to p(z) p(x|z)^beta, means over x [N, D]."""
    known = model.linear_gaussian()
    assert known is not None
    weights, variance, centred = known.weights, known.variance, x.double() - known.bias
    precision = torch.eye(weights.shape[1], dtype=torch.float64) + beta * weights.T @ weights / variance
    covariance = torch.linalg.inv(precision)
    mean = beta * centred @ weights @ covariance / variance  # [N, d]
    squares = (centred - mean @ weights.T).square().sum(1) + torch.trace(weights @ covariance @ weights.T)
    distortion = 0.5 * x.shape[1] * math.log(2 * math.pi * variance) + 0.5 * squares / variance
    rate = 0.5 * (torch.trace(covariance) + mean.square().sum(1) - len(precision) + torch.logdet(precision))
    return float(rate.mean()), float(distortion.mean())


@pytest.mark.parametrize(("latent_size", "loose"), [(2, 0.1), (5, 0.5)])
def test_a_slow_curve_is_the_closed_form(linear_gaussian: Any, latent_size: int, loose: float) -> None:
    known = linear_gaussian(latent_size, 20, encoder=False)
    found = AIS(start="prior", num_steps=200).estimate(known.model, known.x, seeds.generator("test-rates"))
    assert len(found.curve) == 50
    assert found.curve[0].beta == found.curve[0].rate == 0
    assert found.curve[-1].beta == pytest.approx(1, abs=0.001)
    for point in found.curve[::7] + found.curve[-1:]:
        rate, distortion = exactly(known.model, known.x, point.beta)
        assert point.rate == pytest.approx(rate, abs=THRESHOLD * point.rate_se + loose)
        allowed = THRESHOLD * point.distortion_se + 0.02 * abs(distortion)
        assert point.distortion == pytest.approx(distortion, abs=allowed)
    last = found.curve[-1]
    allowed = 2 * loose + THRESHOLD * math.hypot(last.rate_se, last.distortion_se)
    assert last.rate + last.distortion == pytest.approx(-float(known.log_likelihood.mean()), abs=allowed)


def test_the_rate_of_a_hasty_curve_is_an_upper_bound(linear_gaussian: Any) -> None:
    """No code with the same distortion has a lower rate than the closed form's, at the beta that has it."""
    known = linear_gaussian(2, 50, encoder=False)
    found = AIS(start="prior", num_steps=10).estimate(known.model, known.x, seeds.generator("test-rates-hasty"))
    assert len(found.curve) == 10
    curve = [exactly(known.model, known.x, beta / 500) for beta in range(501)]
    for point in found.curve[1:]:
        lowest = min(rate for rate, distortion in curve if distortion <= point.distortion)
        assert point.rate > lowest - THRESHOLD * point.rate_se
    rate, _ = exactly(known.model, known.x, found.curve[-1].beta)
    assert found.curve[-1].rate > rate + 0.1  # it is not tight


def test_only_chains_from_the_prior_pass_a_curve(linear_gaussian: Any) -> None:
    known = linear_gaussian(2, 3, encoder=False)
    assert AIS(num_steps=10).estimate(known.model, known.x, seeds.generator("test-no-rates")).curve == ()


def test_a_datapoint_without_finite_values_is_left_out(linear_gaussian: Any) -> None:
    known = linear_gaussian(2, 3, encoder=False)
    x = torch.cat([known.x, torch.full_like(known.x[:1], torch.nan)])
    found = AIS(start="prior", num_steps=10).estimate(known.model, x, seeds.generator("test-rates-nan"))
    assert all(math.isfinite(value) for point in found.curve for value in vars(point).values())
