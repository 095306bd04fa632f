"""Standard errors of the logarithm of a mean of few weights."""

from __future__ import annotations

import math

import pytest
import torch

from bench import seeds
from bench.likelihood.jackknife import log_mean_error
from bench.likelihood.weights import Weights


def test_by_hand() -> None:
    """Of the weights 1, 2 and 3: without each of them, the means are 5/2, 2 and 3/2."""
    without = torch.tensor([2.5, 2.0, 1.5], dtype=torch.float64).log()
    expected = math.sqrt(2 / 3 * float((without - without.mean()).square().sum()))
    found = log_mean_error(torch.tensor([[1.0], [2.0], [3.0]]).log())
    assert float(found) == pytest.approx(expected, rel=1e-6)


def test_strata_by_hand() -> None:
    """Strata (1, 3) and (2, 2, 8): replacing one weight by the mean of the others of its stratum."""
    weights = torch.tensor([[1.0], [3.0], [2.0], [2.0], [8.0]], dtype=torch.float64)
    first = torch.tensor([2 * 3 + 12.0, 2 * 1 + 12.0], dtype=torch.float64).log()
    second = torch.tensor([4 + 3 * 5.0, 4 + 3 * 5.0, 4 + 3 * 2.0], dtype=torch.float64).log()
    variance = 1 / 2 * (first - first.mean()).square().sum() + 2 / 3 * (second - second.mean()).square().sum()
    assert float(log_mean_error(weights.log(), 2)) == pytest.approx(math.sqrt(float(variance)), rel=1e-6)


def test_the_difference_of_strata_is_no_error() -> None:
    log_weights = torch.tensor([[0.0], [0.0], [5.0], [5.0]], dtype=torch.float64)
    assert float(log_mean_error(log_weights, 2)) == pytest.approx(0, abs=1e-9)
    assert float(log_mean_error(log_weights)) > 0.5
    assert float(log_mean_error(log_weights, 1)) > 0.5  # a stratum of one has no spread


def test_it_covers_log_normal_weights_where_the_delta_method_does_not() -> None:
    """16 weights with a standard deviation of 1 nat, the mean of 100 datapoints, 200 times."""
    draws = torch.randn(16, 200 * 100, generator=seeds.generator("test-jackknife"), dtype=torch.float64)
    weights = Weights(16, draws[0])
    weights.add(draws)
    found = weights.weighed()
    off = (found.log_mean - 0.5).view(200, 100).mean(1)  # log E[w] = 1/2

    def rms(errors: torch.Tensor) -> float:
        squares = errors.view(200, 100).square()
        stated = torch.hypot(squares.sum(1).sqrt() / 100, 0.5 * squares.mean(1))
        return float((off / stated).square().mean().sqrt())

    assert 0.9 < rms(log_mean_error(draws)) < 1.2
    assert rms(found.standard_error) > 1.2
