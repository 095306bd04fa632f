"""Two stochastic layers: p(x) is that of z2 -> z1 -> x, however it is parametrised."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from torch import Tensor

from bench import seeds
from bench.algorithms.aevb import AEVB
from bench.architectures.hierarchical import Hierarchical, TwoLayerDecoder
from bench.estimator import estimate_log_likelihood
from bench.models.gaussian import Gaussian
from bench.models.latent import LatentVariableModel
from bench.training.problem import Problem

D = 6


def data(count: int = 200) -> Tensor:
    stream = seeds.generator("two layers")
    prototypes = torch.bernoulli(torch.full((3, D), 0.5), generator=stream) * 0.9 + 0.05
    return torch.bernoulli(prototypes[torch.randint(3, (count,), generator=stream)], generator=stream)


def model(latent_size: int = 2, scale: float = 2.0, **settings: object) -> LatentVariableModel:
    """A model whose weights are large, so that m(z2) and s(z2) vary."""
    built = Problem(data(), latent_size, Hierarchical(hidden=5, **settings), "bernoulli").model(encoder=True)
    with torch.no_grad():
        for parameter in built.theta:
            parameter.mul_(scale)
    return built.double().eval()


def decoder(built: LatentVariableModel) -> TwoLayerDecoder:
    network = built.decoder.network
    assert isinstance(network, TwoLayerDecoder)
    return network


@torch.no_grad()
def centred(built: LatentVariableModel, x: Tensor) -> np.ndarray:
    """log of the integral of p(z2) p(z1|z2) p(x|z1) over a grid of z1 and z2, one dimension each: [N]."""
    network = decoder(built)
    axis = torch.linspace(-7, 7, 281, dtype=torch.float64)
    mean, log_variance = network.conditional(axis[:, None])  # of p(z1|z2), [281, 1]
    low, high = float((mean - 7 * (log_variance / 2).exp()).min()), float((mean + 7 * (log_variance / 2).exp()).max())
    lower = torch.linspace(low, high, 4001, dtype=torch.float64)
    log_upper = -0.5 * (axis**2 + np.log(2 * np.pi))
    log_conditional = Gaussian(mean[:, None], log_variance[:, None]).log_prob(lower[None, :, None])  # [281, 4001]
    step = np.log(float(axis[1] - axis[0])) + np.log(float(lower[1] - lower[0]))
    logits, _ = network.likelihood(lower[:, None])
    log_p = built.decoder.observation_model.log_prob_of_pairs(x, logits, None)  # [N, 4001]
    log_lower = torch.logsumexp(log_upper[:, None] + log_conditional, 0)  # the marginal of z1, up to the step
    values: np.ndarray = logsumexp((log_lower + log_p).numpy(), axis=1) + step
    return values


def test_p_of_x_is_that_of_two_layers() -> None:
    built, x = model(), data(20).double()
    exact = centred(built, x)
    estimate = estimate_log_likelihood(built, x.float(), "quadrature").log_likelihoods.numpy()
    np.testing.assert_allclose(estimate, exact, atol=2e-3)
    with torch.no_grad():
        decoder(built).conditional.head.bias[1] += 1  # type: ignore[operator,union-attr]  # of the log-variance
    assert np.abs(centred(built, x) - exact).max() > 0.02  # the same check notices another conditional prior


def test_draws_of_z1_given_z2_follow_the_conditional_prior() -> None:
    built = model(latent_size=3, top=1)
    network, stream = decoder(built), seeds.generator("draws")
    upper = torch.full((40_000, 1), 0.7, dtype=torch.float64)
    z = built.sample_prior(40_000, stream)
    z[:, -1:] = upper
    with torch.no_grad():
        lower, (mean, log_variance) = network.lower(z), network.conditional(upper[:1])
    deviation = (log_variance[0] / 2).exp()
    assert ((lower.mean(0) - mean[0]).abs() < 5 * deviation / 200).all()
    assert ((lower.std(0) / deviation - 1).abs() < 5 / (2 * 40_000) ** 0.5).all()


def test_the_bound_is_a_bound_and_the_encoder_sees_both_layers() -> None:
    built, x = model(), data(100).double()
    bound = built.elbo(x, seeds.generator("bound"), 200).detach().mean()
    assert float(bound) < float(centred(built, x).mean())
    posterior = built.encode(x)
    assert (posterior.mean.std(0) > 0).all()
    assert posterior.mean.shape == (100, 2)


@pytest.mark.parametrize(
    ("latent_size", "top", "sizes"),
    [(150, "auto", (100, 50)), (2, "auto", (1, 1)), (5, "auto", (4, 1)), (5, 3, (2, 3))],
)
def test_how_z_is_divided(latent_size: int, top: int | str, sizes: tuple[int, int]) -> None:
    assert Hierarchical(top=top).sizes(latent_size) == sizes
    network = decoder(model(latent_size, top=top))
    with torch.no_grad():
        assert network.lower(torch.zeros(4, latent_size, dtype=torch.float64)).shape == (4, sizes[0])


def test_the_conditional_prior_is_learned() -> None:
    x = data(300)
    aevb = AEVB(latent_size=3, model="hierarchical[hidden=20]", optimiser="adam", learning_rate=3e-3, device="cpu")
    aevb.fit(x, budget=100)
    before = decoder(aevb.model).conditional.head.weight.clone()  # type: ignore[union-attr]
    aevb.fit(x, budget=20_000)
    p = x.mean(0)
    without_z = float((p * p.log() + (1 - p) * (1 - p).log()).sum())
    assert aevb.history[0]["elbo_train"] < without_z
    assert aevb.history[-1]["elbo_train"] > without_z + 0.3
    assert not torch.allclose(before, decoder(aevb.model).conditional.head.weight)  # type: ignore[arg-type,union-attr]
