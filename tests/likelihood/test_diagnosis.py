"""Gaps, active units and mutual information where all of them are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import seeds
from bench.likelihood.diagnosis import diagnose
from bench.likelihood.family import Latents
from bench.likelihood.gaussian_family import mutual_information
from bench.likelihood.local import fit_local_posteriors
from bench.models.gaussian import Gaussian


def kl(q: Gaussian, mean: Tensor, covariance: Tensor) -> Tensor:
    """KL(q || N(mean, covariance)) for a diagonal q."""
    q = Gaussian(q.mean.double(), q.log_variance.double())
    precision = torch.linalg.inv(covariance.double())
    off = q.mean - mean.double()
    trace = (q.log_variance.exp() * precision.diagonal()).sum(-1)
    logs = -torch.logdet(precision) - q.log_variance.sum(-1)
    return 0.5 * (trace + (off @ precision * off).sum(-1) - off.shape[-1] + logs)


@pytest.mark.parametrize("encoder", [True, False], ids=["encoder", "no encoder"])
@pytest.mark.parametrize("latent_size", [2, 6])
def test_local_posteriors_are_the_best_diagonal_gaussians(
    linear_gaussian: Any, latent_size: int, encoder: bool
) -> None:
    known = linear_gaussian(latent_size, 50, encoder=encoder)
    found = fit_local_posteriors(known.model, known.x, seeds.generator("test-local")).posterior
    precision = torch.linalg.inv(known.posterior_covariance)
    best = Gaussian(known.posterior_mean, -precision.diagonal().log().expand(50, -1))
    excess = kl(found, known.posterior_mean, known.posterior_covariance) - kl(
        best, known.posterior_mean, known.posterior_covariance
    )
    assert float(excess.mean()) < 0.01
    assert float(excess.min()) > -1e-5


def test_gaps_of_a_linear_gaussian_model(linear_gaussian: Any) -> None:
    known = linear_gaussian(4, 50, encoder=True)
    with torch.no_grad():
        q = known.model.encode(known.x)
    precision = torch.linalg.inv(known.posterior_covariance)
    best = Gaussian(known.posterior_mean, -precision.diagonal().log().expand(50, -1))
    approximation = float(kl(best, known.posterior_mean, known.posterior_covariance).mean())
    amortisation = float(kl(q, known.posterior_mean, known.posterior_covariance).mean()) - approximation
    assert min(approximation, amortisation) > 0.05
    errors = torch.zeros(50)
    found = diagnose(known.model, known.x, known.log_likelihood, errors, seeds.generator("test-gaps"))
    assert found.approximation_gap == pytest.approx(approximation, abs=0.01 + 4 * found.approximation_gap_se)
    assert found.amortisation_gap == pytest.approx(amortisation, abs=0.01 + 4 * found.amortisation_gap_se)
    total = found.bound + found.amortisation_gap + found.approximation_gap
    assert total == pytest.approx(found.log_likelihood, abs=1e-6)
    torch.testing.assert_close(found.latents.kl.sum(), q.kl_to_standard_normal().mean().double(), rtol=1e-4, atol=1e-4)
    assert found.collapse == ""


def test_without_an_encoder_there_is_no_amortisation_gap(linear_gaussian: Any) -> None:
    known = linear_gaussian(2, 10, encoder=False)
    found = diagnose(known.model, known.x, known.log_likelihood, torch.zeros(10), seeds.generator("test-none"))
    assert math.isnan(found.bound)
    assert math.isnan(found.amortisation_gap)
    assert math.isfinite(found.approximation_gap)
    assert found.latents is found.local_latents


def test_datapoints_without_an_estimate_are_left_out_of_the_gaps(linear_gaussian: Any) -> None:
    known = linear_gaussian(2, 10, encoder=True)
    ill = known.log_likelihood.clone()
    ill[3] = math.nan
    found = diagnose(known.model, known.x, ill, torch.zeros(10), seeds.generator("test-ill"))
    assert found.num_gap_points == 9
    assert math.isfinite(found.approximation_gap)


def test_collapse_is_told_of_and_whose_it_is(linear_gaussian: Any) -> None:
    known = linear_gaussian(3, 50, encoder=True)
    with torch.no_grad():
        known.model.encoder.network.mean.weight[1:].zero_()  # the encoder ignores x in two dimensions,
    found = diagnose(known.model, known.x, known.log_likelihood, torch.zeros(50), seeds.generator("test-collapse"))
    assert found.latents.active.tolist() == [True, False, False]
    assert found.local_latents.num_active == 3  # and the decoder uses them
    assert "2 of 3 latent dimensions" in found.collapse
    assert "the encoder lost them" in found.collapse
    with torch.no_grad():
        known.model.decoder.network.mean.weight.zero_()  # now it does not either
    found = diagnose(known.model, known.x, known.log_likelihood, torch.zeros(50), seeds.generator("test-collapse"))
    assert found.local_latents.num_active == 0
    assert "the encoder lost them" not in found.collapse


def test_mutual_information_of_known_cases() -> None:
    generator = seeds.generator("test-information")
    apart = Gaussian(100.0 * torch.arange(8, dtype=torch.float64).unsqueeze(1), torch.zeros(8, 1, dtype=torch.float64))
    assert mutual_information(apart, generator) == pytest.approx(math.log(8))
    same = Gaussian(torch.ones(8, 3, dtype=torch.float64), torch.zeros(8, 3, dtype=torch.float64))
    assert mutual_information(same, generator) == pytest.approx(0, abs=1e-9)
    # z = x + e with x ~ N(0, v), e ~ N(0, 1): I = 1/2 log(1 + v)
    v = 3.0
    x = torch.linspace(-1, 1, 2002, dtype=torch.float64)[1:-1]
    x = math.sqrt(2 * v) * torch.erfinv(x)
    channel = Gaussian(x.unsqueeze(1), torch.zeros(2000, 1, dtype=torch.float64))
    assert mutual_information(channel, generator) == pytest.approx(0.5 * math.log1p(v), abs=0.02)


def test_mutual_information_is_never_negative() -> None:
    for seed in range(20):
        means = 1e-3 * torch.randn(30, 2, generator=seeds.generator("nearly", seed), dtype=torch.float64)
        q = Gaussian(means, torch.zeros_like(means))
        assert 0 <= mutual_information(q, seeds.generator("draws", seed), num_samples=1) < 1e-3


def test_a_unit_is_active_from_a_variance_of_a_hundredth() -> None:
    latents = Latents(torch.zeros(3), torch.tensor([0.009, 0.011, 0.5]), 0.0)
    assert latents.active.tolist() == [False, True, True]
    assert latents.num_active == 2
