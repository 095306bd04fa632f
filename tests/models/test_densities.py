"""Densities: against SciPy, against sums and integrals that must be one, and near the limits of floating point."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import stats
from torch import Tensor

from bench import seeds
from bench.architectures.linear import Linear
from bench.architectures.mlp import MLP
from bench.models.gaussian import LOG_VARIANCE_LIMIT, Gaussian, standard_normal_log_prob
from bench.models.latent import LatentVariableModel
from bench.training.problem import Problem

STANDARD_ERRORS = 4.0  # for Monte Carlo checks: one false alarm in 16,000


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=seeds.generator("densities", seed), dtype=torch.float64)


def model(likelihood: str, *, bounded: bool = True, pixels: int = 3, latent: int = 2) -> LatentVariableModel:
    """A float64 model with weights large enough for curvature."""
    x = torch.zeros(5, pixels, dtype=torch.float64)
    return Problem(x, latent, MLP(hidden=4, init_scale=0.7), likelihood, bounded).model(encoder=True)


def test_gaussian_is_scipys() -> None:
    mean, log_variance, z = normal(6, 3), normal(6, 3, seed=1), normal(6, 3, seed=2)
    expected = stats.norm.logpdf(z.numpy(), mean.numpy(), np.exp(log_variance.numpy() / 2)).sum(-1)
    np.testing.assert_allclose(Gaussian(mean, log_variance).log_prob(z), expected, rtol=1e-12)
    np.testing.assert_allclose(standard_normal_log_prob(z), stats.norm.logpdf(z.numpy()).sum(-1), rtol=1e-12)


def test_kl_is_the_mean_log_ratio_of_draws() -> None:
    q = Gaussian(normal(4, 3), normal(4, 3, seed=1))
    z = q.rsample(seeds.generator("kl"), 200_000)
    ratio = q.log_prob(z) - standard_normal_log_prob(z)
    error = ratio.std(0) / ratio.shape[0] ** 0.5
    assert ((ratio.mean(0) - q.kl_to_standard_normal()).abs() < STANDARD_ERRORS * error).all()
    exact = Gaussian(torch.zeros(1, 3), torch.zeros(1, 3))
    assert exact.kl_to_standard_normal().item() == 0


def test_draws_have_the_moments_and_carry_gradients() -> None:
    mean, log_variance = normal(2, 3).requires_grad_(), normal(2, 3, seed=1).requires_grad_()
    z = Gaussian(mean, log_variance).rsample(seeds.generator("moments"), 100_000)
    deviation = (log_variance / 2).exp()
    assert ((z.mean(0) - mean).abs() < STANDARD_ERRORS * deviation / 100_000**0.5).all()
    assert ((z.std(0) / deviation - 1).abs() < STANDARD_ERRORS / 200_000**0.5).all()
    z.sum().backward()
    assert mean.grad is not None
    torch.testing.assert_close(mean.grad, torch.full((2, 3), 100_000.0, dtype=torch.float64))


def test_bernoulli_probabilities_sum_to_one() -> None:
    z = normal(1, 2)
    decoder = model("bernoulli").decoder
    every = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)), dtype=torch.float64)
    total = decoder.log_prob(every, z.expand(8, 2)).exp().sum()
    assert total.item() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "unit_gaussian"])
def test_every_x_at_every_z(likelihood: str) -> None:
    """Equal to one x at one z; in float32 too, where a small variance amplifies cancellation."""
    decoder, z, x = model(likelihood).decoder, normal(7, 2), normal(4, 3, seed=1).sigmoid()
    expected = torch.stack([decoder.log_prob(x, z[k].expand(4, 2)) for k in range(7)], dim=-1)
    torch.testing.assert_close(decoder.log_prob_of_pairs(x, z), expected, rtol=1e-12, atol=1e-12)
    near, narrow = normal(4, 500).float(), torch.full((2, 500), -LOG_VARIANCE_LIMIT)
    location = near[:2] + 1e-3 * normal(2, 500, seed=1).float()
    if likelihood == "gaussian":
        expected = torch.stack(
            [decoder.observation_model.log_prob(near, location[k], narrow[k]) for k in range(2)], dim=-1
        )
        torch.testing.assert_close(
            decoder.observation_model.log_prob_of_pairs(near, location, narrow), expected, rtol=1e-4, atol=0.01
        )


@pytest.mark.parametrize("likelihood", ["gaussian", "unit_gaussian"])
def test_gaussian_decoders_are_scipys(likelihood: str) -> None:
    decoder, z, x = model(likelihood).decoder, normal(7, 2), normal(7, 3, seed=1)
    mean, log_variance = decoder.outputs(z)
    deviation = torch.ones_like(mean) if log_variance is None else (log_variance / 2).exp()
    expected = stats.norm.logpdf(x, mean.detach(), deviation.detach()).sum(-1)
    np.testing.assert_allclose(decoder.log_prob(x, z).detach(), expected, rtol=1e-12)
    assert (log_variance is None) == (likelihood == "unit_gaussian")
    assert mean.min() > 0  # squashed, as the paper does for Frey Face
    assert mean.max() < 1
    assert model(likelihood, bounded=False).decoder.mean(10 * normal(50, 2)).min() < 0


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "unit_gaussian"])
def test_draws_from_a_decoder_have_its_moments(likelihood: str) -> None:
    decoder, z = model(likelihood).decoder, normal(1, 2).expand(50_000, 2)
    x = decoder.sample(z, seeds.generator("draws")).detach()
    _, log_variance = decoder.outputs(z[:1])
    expected = decoder.mean(z[:1])[0].detach()
    variance = expected * (1 - expected) if likelihood == "bernoulli" else torch.ones_like(expected)
    if log_variance is not None:
        variance = log_variance.exp()[0].detach()
    assert ((x.mean(0) - expected).abs() < STANDARD_ERRORS * (variance / 50_000).sqrt()).all()
    torch.testing.assert_close(x.var(0), variance, rtol=0.05, atol=0)


def test_extreme_logits_stay_finite_and_right() -> None:
    decoder = model("bernoulli").decoder
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.mul_(1e4)
    z = normal(20, 2)
    logits, _ = decoder.outputs(z)
    x = (logits > 0).double()
    assert logits.abs().max() > 1000
    torch.testing.assert_close(decoder.log_prob(x, z), torch.zeros(20, dtype=torch.float64))  # the most likely value
    wrong = decoder.log_prob(1 - x, z)
    torch.testing.assert_close(wrong, -logits.abs().sum(-1))


def test_broadcasting_over_samples_is_row_by_row() -> None:
    built, x, z = model("bernoulli"), torch.rand(5, 3, dtype=torch.float64), normal(4, 5, 2)
    whole = built.log_joint(x, z)
    assert whole.shape == (4, 5)
    for k, n in itertools.product(range(4), range(5)):
        torch.testing.assert_close(whole[k, n], built.log_joint(x[n : n + 1], z[k, n : n + 1])[0])


def test_the_bound_is_below_the_exact_log_likelihood_by_the_kl_to_the_posterior() -> None:
    """Linear-Gaussian model: log p(x), p(z|x) and so the gap are known exactly."""
    x = normal(6, 4)
    built = Problem(x, 2, Linear(init_scale=0.6), "gaussian", bounded=False).model(encoder=True)
    weights, bias = built.decoder.network.mean.weight.detach(), built.decoder.network.mean.bias.detach()
    noise = built.decoder.network.log_variance.exp().detach()
    exact = stats.multivariate_normal.logpdf(x, bias, weights @ weights.T + noise * torch.eye(4))
    covariance = torch.linalg.inv(torch.eye(2) + weights.T @ weights / noise)
    mean = (x - bias) @ weights @ covariance / noise
    posterior = built.encode(x)
    q = torch.distributions.MultivariateNormal(posterior.mean, torch.diag_embed(posterior.log_variance.exp()))
    gap = torch.distributions.kl_divergence(q, torch.distributions.MultivariateNormal(mean, covariance))
    draws = torch.stack([built.elbo(x, seeds.generator("bound", i), num_samples=100).detach() for i in range(200)])
    error = draws.std(0) / 200**0.5
    assert (draws.mean(0) - (torch.as_tensor(exact) - gap)).abs().lt(STANDARD_ERRORS * error).all()
    assert (gap > 10 * error).all()  # the gap is under test


def test_initial_weights_are_the_papers_and_the_same_for_every_algorithm() -> None:
    problem = Problem(torch.zeros(5, 784), 10, MLP(hidden=500), "bernoulli", seed=3)
    one, two = problem.model(encoder=True), problem.model(encoder=False)
    for mine, theirs in zip(one.decoder.parameters(), two.decoder.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    every = torch.cat([parameter.flatten() for parameter in one.parameters()])
    assert every.std().item() == pytest.approx(0.01, rel=0.01)
    assert every.mean().abs().item() < 1e-4
    other = Problem(torch.zeros(5, 784), 10, MLP(hidden=500), "bernoulli", seed=4).model(encoder=True)
    assert not torch.equal(next(one.parameters()), next(other.parameters()))


def test_a_model_without_an_encoder_says_so() -> None:
    lonely = Problem(torch.zeros(5, 3), 2, MLP(hidden=4), "bernoulli").model(encoder=False)
    with pytest.raises(ValueError, match="no encoder"):
        lonely.elbo(torch.zeros(5, 3), seeds.generator("x"))


class Elsewhere(LatentVariableModel):
    """Another prior: N((1, 1, ...), I)."""

    def log_prior(self, z: Tensor) -> Tensor:
        return super().log_prior(z - 1)


@pytest.mark.parametrize("kind", [LatentVariableModel, Elsewhere])
@pytest.mark.parametrize("bounded", [False, True])
@pytest.mark.parametrize("architecture", [Linear(init_scale=0.7), MLP(hidden=4, init_scale=0.7)])
@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "unit_gaussian"])
def test_gradient_of_the_joint_is_its_finite_difference(
    likelihood: str, architecture: Linear | MLP, bounded: bool, kind: type[LatentVariableModel]
) -> None:
    x, z = normal(5, 3).sigmoid(), normal(4, 5, 2, seed=1)
    built = kind(2, Problem(x, 2, architecture, likelihood, bounded).model(encoder=False).decoder)
    steps = 1e-6 * torch.eye(2, dtype=torch.float64)
    ahead, behind = (torch.stack([built.log_joint(x, z + sign * step) for step in steps], -1) for sign in (1, -1))
    expected = ((ahead - behind) / 2e-6).detach()
    for _ in range(2):  # as in training, then frozen: an output that does not depend on z then has no graph
        torch.testing.assert_close(built.log_joint_gradient(x, z), expected, rtol=1e-6, atol=1e-6)
        value, gradient = built.log_joint_with_gradient(x, z)
        torch.testing.assert_close(gradient, expected, rtol=1e-6, atol=1e-6)
        torch.testing.assert_close(value, built.log_joint(x, z).detach())
        assert not value.requires_grad
        assert all(parameter.grad is None for parameter in built.parameters())
        built.requires_grad_(False)
