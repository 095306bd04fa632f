"""The gradient of log p(x) by importance sampling, against that of the closed form on a linear-Gaussian model."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from bench import seeds
from bench.profiling.moments import BLOCKS, relative_distance
from bench.profiling.targets import likelihood_gradients


@pytest.mark.parametrize("with_encoder", [True, False])
def test_it_is_the_gradient_of_the_exact_log_likelihood(
    linear_gaussian: Callable[..., Any], with_encoder: bool
) -> None:
    known = linear_gaussian(2, 20, encoder=with_encoder)
    model, x = known.model, known.x
    estimates = likelihood_gradients(model, x, seeds.generator("targets"))
    network = model.decoder.network
    loadings, bias, log_variance = network.mean.weight, network.mean.bias, network.log_variance
    covariance = loadings @ loadings.T + log_variance.exp() * torch.eye(x.shape[1])
    exact = torch.distributions.MultivariateNormal(bias, covariance).log_prob(x).mean()
    by_parameter = dict(
        zip((loadings, bias, log_variance), torch.autograd.grad(exact, (loadings, bias, log_variance)), strict=True)
    )
    truth = torch.cat([by_parameter[parameter].flatten().double() for parameter in model.theta])
    assert estimates is not None
    assert estimates.shape == (BLOCKS, len(truth))
    assert not torch.equal(estimates[0], estimates[1])
    off = relative_distance(estimates - truth, truth.expand(BLOCKS, -1))
    assert off.value < 0.02, off
    assert (estimates[0] - truth).norm() / truth.norm() < 0.1
