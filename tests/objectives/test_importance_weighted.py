"""Bounds made of importance weights, in single precision, against double precision written out."""

from __future__ import annotations

import math

import pytest
import torch

from bench import seeds
from bench.objectives.importance_weighted import WeightedDraws


def draws_with(log_w: torch.Tensor) -> WeightedDraws:
    return WeightedDraws(torch.zeros(*log_w.shape, 1), log_w, torch.zeros_like(log_w))


def some_log_weights(num_samples: int, spread: float) -> torch.Tensor:
    """As of an image: hundreds of nats below zero."""
    stream = seeds.generator("weights", num_samples, spread)
    return torch.randn(num_samples, 7, generator=stream) * spread - 300


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1 - 1e-6, 1 + 1e-6, 2.0, -3.0])
@pytest.mark.parametrize("num_samples", [1, 5, 1000])
def test_bounds_keep_their_digits(num_samples: int, alpha: float) -> None:
    """For orders near 1 as well, where the powers of all weights are nearly equal."""
    log_w = some_log_weights(num_samples, spread=4.0)
    powers = (1 - alpha) * (log_w.double() + 300)
    expected = -300 + (powers.logsumexp(0) - math.log(num_samples)) / (1 - alpha)
    torch.testing.assert_close(draws_with(log_w).bound(alpha).double(), expected, rtol=0, atol=2e-4)


@pytest.mark.parametrize("alpha", [0.0, 0.5, 1.0, 2.0])
def test_the_gradient_of_a_bound_weighs_by_shares(alpha: float) -> None:
    log_w = some_log_weights(5, spread=1.0).requires_grad_()
    draws = draws_with(log_w)
    (gradient,) = torch.autograd.grad(draws.bound(alpha).sum(), log_w)
    torch.testing.assert_close(gradient, draws.shares(alpha))
    torch.testing.assert_close(gradient.sum(0), torch.ones(7))
    assert not draws.shares(alpha).requires_grad


def test_weights_that_no_float_can_hold() -> None:
    """One draw outweighs the others by more than exp() can tell."""
    draws = draws_with(torch.tensor([[-1e4], [-2e4], [-3e4]]))
    torch.testing.assert_close(draws.bound(), torch.tensor([-1e4 - math.log(3)]))
    assert draws.shares()[:, 0].tolist() == [1.0, 0.0, 0.0]
