"""Exact and quadrature, the references for other estimators, against brute force."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from bench import seeds
from bench.architectures.linear import Linear
from bench.architectures.mlp import MLP
from bench.errors import OptionError
from bench.estimators import quadrature
from bench.estimators.exact import Exact
from bench.estimators.quadrature import Quadrature
from bench.models.affine import AffineGaussian, AffineLocation
from bench.models.decoder import Decoder
from bench.models.latent import LatentVariableModel
from bench.models.observations.bernoulli import Bernoulli
from bench.models.observations.gaussian import Gaussian
from bench.models.observations.unit_gaussian import UnitGaussian
from bench.training.problem import Problem


def by_grid(model: LatentVariableModel, x: Tensor, half: float, nodes: int) -> Tensor:
    """log p(x) by the trapezoidal rule on a dense grid, float64."""
    axis = torch.linspace(-half, half, nodes, dtype=torch.float64)
    grid = torch.cartesian_prod(*[axis] * model.latent_size).reshape(-1, 1, model.latent_size)
    model = model.double()
    with torch.no_grad():
        rows = [model.log_joint(row[None], grid)[:, 0].logsumexp(0) for row in x.double()]
    return torch.stack(rows) + model.latent_size * math.log(2 * half / (nodes - 1))


class Folded(nn.Module):
    """z -> scale |z - c|: two modes in each dimension, far apart."""

    def __init__(self, *centre: float, scale: float = 4.0) -> None:
        super().__init__()
        self.centre = nn.Parameter(torch.tensor(centre or (0.0,)))
        self.scale = nn.Parameter(torch.tensor(scale))

    def forward(self, z: Tensor) -> tuple[Tensor, None]:
        return self.scale * (z - self.centre).abs(), None


@pytest.mark.parametrize("latent_size", [1, 2, 5])
def test_exact_is_the_gaussian_density(linear_gaussian: Any, latent_size: int) -> None:
    known = linear_gaussian(latent_size, 20, encoder=False)
    found = Exact().estimate(known.model, known.x, seeds.generator("exact"))
    torch.testing.assert_close(found.log_likelihoods, known.log_likelihood, rtol=1e-6, atol=1e-5)
    assert found.standard_error == 0
    assert found.model_evaluations == 0


def test_exact_of_unit_variance() -> None:
    x = torch.randn(5, 6, generator=seeds.generator("unit"))
    model = Problem(x, 2, Linear(init_scale=0.7), "unit_gaussian", bounded=False).model(encoder=False)
    weight, bias = (p.detach().double() for p in model.decoder.network.location.parameters())  # type: ignore[union-attr]
    covariance = weight @ weight.T + torch.eye(6, dtype=torch.float64)
    expected = torch.distributions.MultivariateNormal(bias, covariance).log_prob(x.double())
    found = Exact().estimate(model, x, seeds.generator("exact")).log_likelihoods
    torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-5)


class Shifted(LatentVariableModel):
    """Another prior."""

    def log_prior(self, z: Tensor) -> Tensor:
        return super().log_prior(z - 1)


def test_what_is_not_linear_gaussian_has_no_closed_form(linear_gaussian: Any) -> None:
    """Another prior, unequal variances, or pixels that are not Gaussian."""
    model = linear_gaussian(2, 1, encoder=False).model
    assert model.linear_gaussian().variance == pytest.approx(0.36)
    assert Shifted(2, model.decoder).linear_gaussian() is None
    network = AffineGaussian(2, 5, scales=5)
    assert LatentVariableModel(2, Decoder(network, Gaussian())).linear_gaussian() is not None
    network.log_variance.data[0] = 1.0
    different = LatentVariableModel(2, Decoder(network, Gaussian()))
    assert different.linear_gaussian() is None
    with pytest.raises(OptionError, match="decoder network AffineGaussian with gaussian pixels and continuous z"):
        Exact().estimate(different, torch.zeros(1, 5), seeds.generator("exact"))
    assert LatentVariableModel(2, Decoder(AffineLocation(2, 5), Bernoulli())).linear_gaussian() is None
    assert LatentVariableModel(2, Decoder(Folded(), UnitGaussian())).linear_gaussian() is None


@pytest.mark.parametrize("encoder", [True, False])
@pytest.mark.parametrize("latent_size", [1, 2, 3])
def test_quadrature_of_gaussians(linear_gaussian: Any, latent_size: int, encoder: bool) -> None:
    known = linear_gaussian(latent_size, 20, encoder=encoder)
    found = Quadrature().estimate(known.model, known.x, seeds.generator("quadrature"))
    torch.testing.assert_close(found.log_likelihoods, known.log_likelihood, rtol=0, atol=1e-4)
    assert float(found.standard_errors.max()) < 1e-3
    assert found.warnings == ()


@pytest.mark.parametrize(("latent_size", "nodes"), [(1, 4001), (2, 201)])
def test_quadrature_of_a_non_linear_decoder(latent_size: int, nodes: int) -> None:
    empty = torch.zeros(1, 64)
    model = Problem(empty, latent_size, MLP(hidden=20, init_scale=1.0), "bernoulli").model(encoder=False)
    generator = seeds.generator("test-quadrature", latent_size)
    x = model.decoder.sample(model.sample_prior(20, generator), generator).detach()
    found = Quadrature().estimate(model, x, seeds.generator("quadrature"))
    off = found.log_likelihoods - by_grid(model, x, 7, nodes)
    assert float(off.abs().mean()) < 1e-3
    assert float(off.abs().max()) < 0.02
    assert float(off.abs().max()) < 3 * float(found.standard_errors.max())


def test_quadrature_finds_modes_that_are_far_apart() -> None:
    model, x = LatentVariableModel(1, Decoder(Folded(), UnitGaussian())), torch.linspace(2, 8, 10).unsqueeze(-1)
    found = Quadrature().estimate(model, x, seeds.generator("quadrature"))
    assert found.diagnostics["modes"].tolist() == [2.0] * 10
    torch.testing.assert_close(found.log_likelihoods, by_grid(model, x, 9, 20_001), rtol=0, atol=0.01)


@pytest.mark.parametrize(("centre", "x"), [((4.0,), (9.0,)), ((4.0, 0.0), (9.0, 15.0)), ((3.0, 3.5), (9.0, 15.0))])
def test_quadrature_finds_modes_in_the_tails_of_the_prior(centre: tuple[float, ...], x: tuple[float, ...]) -> None:
    model = LatentVariableModel(len(centre), Decoder(Folded(*centre, scale=30.0), UnitGaussian()))
    data = torch.tensor([x])
    estimate = Quadrature().estimate(model, data, seeds.generator("quadrature"))
    assert estimate.diagnostics["modes"].tolist() == [2.0 ** len(centre)]
    torch.testing.assert_close(estimate.log_likelihoods, by_grid(model, data, 6, 1001), rtol=0, atol=1e-4)


def test_quadrature_that_does_not_settle_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quadrature, "LEVELS", {1: (2, 3, 4)})
    model, x = LatentVariableModel(1, Decoder(Folded(), UnitGaussian())), torch.linspace(0.1, 1, 10).unsqueeze(-1)
    found = Quadrature().estimate(model, x, seeds.generator("quadrature"))
    off = (found.log_likelihoods - by_grid(model, x, 9, 20_001)).abs()
    assert float(off.max()) > 0.01
    assert "still changed by more than 0.001 nats" in found.warnings[0]
    assert float(found.standard_errors.max()) > 0.3 * float(off.max())
