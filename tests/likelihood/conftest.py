"""Linear-Gaussian models, whose log p(x) and posterior are known exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor

from bench import seeds
from bench.models.architecture import Shape
from bench.models.encoder import Encoder
from bench.models.latent import LatentVariableModel
from bench.models.linear import Linear

NUM_PIXELS = 12
NOISE = 0.6


@dataclass(frozen=True)
class Known:
    """A model with data drawn from it, and what is exactly true of them."""

    model: LatentVariableModel
    x: Tensor  # [N, D]
    log_likelihood: Tensor  # [N] nats, float64
    posterior_mean: Tensor  # [N, d]
    posterior_covariance: Tensor  # [d, d], the same for every x


def _encoder(shape: Shape, loadings: Tensor, bias: Tensor, covariance: Tensor, generator: torch.Generator) -> Encoder:
    """The exact posterior mean but for a twentieth, and a diagonal of half as much variance again."""
    encoder = Linear().encoder(shape, generator)
    network: Any = encoder.network
    weight = 0.95 * covariance @ loadings.T / NOISE**2
    with torch.no_grad():
        network.mean.weight.copy_(weight)
        network.mean.bias.copy_(-weight @ bias)
        network.log_variance.copy_((1.5 * covariance.diagonal()).log())
    return encoder


def _known(latent_size: int, num_data: int, *, encoder: bool) -> Known:
    generator = seeds.generator("test-linear-gaussian", latent_size)
    shape = Shape(latent_size, NUM_PIXELS, "gaussian", bounded=False)
    decoder = Linear(init_scale=0.6).decoder(shape, generator)
    network: Any = decoder.network
    loadings, bias = (p.detach() for p in network.mean.parameters())
    precision = torch.eye(latent_size) + loadings.T @ loadings / NOISE**2
    covariance = torch.linalg.inv(precision)
    with torch.no_grad():
        network.log_variance.fill_(2 * torch.tensor(NOISE).log())
        x = decoder.sample(torch.randn(num_data, latent_size, generator=generator), generator)
    found = _encoder(shape, loadings, bias, covariance, generator) if encoder else None
    wide = loadings.double()
    marginal = torch.distributions.MultivariateNormal(
        bias.double(), wide @ wide.T + NOISE**2 * torch.eye(NUM_PIXELS, dtype=torch.float64)
    )
    return Known(
        model=LatentVariableModel(latent_size, decoder, found),
        x=x,
        log_likelihood=marginal.log_prob(x.double()),
        posterior_mean=(x - bias) @ loadings @ covariance / NOISE**2,
        posterior_covariance=covariance,
    )


@pytest.fixture
def linear_gaussian() -> Callable[..., Known]:
    """``linear_gaussian(latent_size, num_data, encoder=True)``; the encoder is deliberately imperfect."""
    return _known
