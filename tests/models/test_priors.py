"""A model whose prior is not N(0, I): two stochastic layers with z1 itself in z, and a learned p(z1|z2)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from bench import seeds
from bench.architectures.hierarchical import Hierarchical, TwoLayerDecoder
from bench.architectures.mlp import MLP
from bench.estimator import estimate_log_likelihood
from bench.models.decoder import Decoder
from bench.models.gaussian import Gaussian, standard_normal_log_prob
from bench.models.latent import LatentVariableModel
from bench.training.problem import Problem

D = 6


class LowerLayer(nn.Module):
    """(z1, z2) [..., d] -> the outputs for x, which depends on z1 alone."""

    def __init__(self, likelihood: nn.Module, lower: int) -> None:
        super().__init__()
        self.likelihood, self.lower = likelihood, lower

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor | None]:
        location, log_variance = self.likelihood(z[..., : self.lower])
        return location, log_variance


class Centred(LatentVariableModel):
    """z = (z1, z2) with p(z2) = N(0, I) and p(z1|z2) by a network, as a user might write it."""

    def __init__(self, two_layers: LatentVariableModel, encoder: LatentVariableModel) -> None:
        network = two_layers.decoder.network
        assert isinstance(network, TwoLayerDecoder)
        lower = LowerLayer(network.likelihood, two_layers.latent_size - network.top)
        decoder = Decoder(lower, two_layers.decoder.observation_model)
        super().__init__(two_layers.latent_size, decoder, encoder.encoder)
        self.conditional, self.top = network.conditional, network.top

    def log_prior(self, z: Tensor) -> Tensor:
        upper = z[..., -self.top :]
        return standard_normal_log_prob(upper) + Gaussian(*self.conditional(upper)).log_prob(z[..., : -self.top])

    def sample_prior(self, num_samples: int, generator: torch.Generator) -> Tensor:
        upper = torch.randn(num_samples, self.top, generator=generator, dtype=self.dtype)
        return torch.cat([Gaussian(*self.conditional(upper)).rsample(generator), upper], -1)


def data() -> Tensor:
    return torch.bernoulli(torch.full((30, D), 0.4), generator=seeds.generator("priors"))


def models() -> tuple[LatentVariableModel, Centred]:
    """The same p(x) twice, with N(0, I) as the prior and without; weights are large, so that the layers matter."""
    plain = Problem(data(), 2, Hierarchical(hidden=5), "bernoulli").model(encoder=False)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.mul_(2)
    other = Problem(data(), 2, MLP(hidden=5, init_scale=0.5), "bernoulli").model(encoder=True)
    return plain.double(), Centred(plain, other).double()


def test_estimators_give_the_same_log_likelihood_for_both_parametrisations() -> None:
    plain, centred = models()
    exact = estimate_log_likelihood(plain, data(), "quadrature").log_likelihoods
    estimate = estimate_log_likelihood(centred, data(), "importance[num_samples=2000,proposal=variational]")
    errors = (estimate.log_likelihoods - exact) / estimate.standard_errors
    assert errors.abs().max() < 5
    assert estimate.standard_errors.max() < 0.05


def test_the_bound_is_that_of_the_models_own_prior() -> None:
    """In expectation the log joint less log q: below log p(x), and not what N(0, I) would give."""
    _, centred = models()
    x, stream = data().double(), seeds.generator("bound")
    with torch.no_grad():
        bound = centred.elbo(x, stream, 4000)
        posterior = centred.encode(x)
        z = posterior.rsample(seeds.generator("others"), 4000)
        written_out = centred.log_joint(x, z) - posterior.log_prob(z)  # [4000, N]
        with_wrong_prior = (centred.decoder.log_prob(x, z)).mean(0) - posterior.kl_to_standard_normal()
    error = written_out.std(0) * (2 / 4000) ** 0.5
    assert ((bound - written_out.mean(0)).abs() < 5 * error).all()
    assert ((with_wrong_prior - written_out.mean(0)).abs() > 10 * error).any()
    exact = estimate_log_likelihood(
        centred, data(), "importance[num_samples=2000,proposal=variational]"
    ).log_likelihoods
    assert (bound < exact + 0.05).all()


def test_its_gradient_reaches_the_prior() -> None:
    _, centred = models()
    x = data().double()
    value = centred.elbo_backward(x, seeds.generator("noise"), 3)
    by_hand = {name: parameter.grad for name, parameter in centred.named_parameters()}
    centred.zero_grad()
    bound = centred.elbo(x, seeds.generator("noise"), 3)
    (-bound.mean()).backward()
    torch.testing.assert_close(value, bound.detach().mean())
    for name, parameter in centred.named_parameters():
        torch.testing.assert_close(by_hand[name], parameter.grad)
    gradient = by_hand["conditional.head.weight"]
    assert gradient is not None
    assert np.linalg.norm(gradient.numpy()) > 0
