"""Autocorrelation times and R-hat against chains whose own are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from bench import seeds
from bench.mcmc.mixing import mixing


def autoregressive(phi: float, shape: tuple[int, ...]) -> Tensor:
    """Stationary chains ``v_t = phi v_{t-1} + e_t`` [L, ...], of variance ``1 / (1 - phi^2)``."""
    noise = torch.randn(shape, generator=seeds.generator("test-mixing", phi), dtype=torch.float64)
    chain = [noise[0] / math.sqrt(1 - phi**2)]
    for row in noise[1:]:
        chain.append(phi * chain[-1] + row)
    return torch.stack(chain)


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.7])
def test_the_autocorrelation_time_is_that_of_the_process(phi: float) -> None:
    found = mixing(autoregressive(phi, (2000, 4, 50)))
    assert float(found.autocorrelation_time.mean()) == pytest.approx((1 + phi) / (1 - phi), rel=0.1, abs=0.05)
    assert float(found.variance.mean()) == pytest.approx(1 / (1 - phi**2), rel=0.05)
    assert float(found.r_hat.max()) < 1.02


def test_the_error_of_the_mean_is_what_it_varies_by() -> None:
    chains = autoregressive(0.7, (100, 4, 2000))
    found = mixing(chains)
    stated = (found.variance * found.autocorrelation_time / 400).mean().sqrt()
    assert float(chains.mean((0, 1)).std() / stated) == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("phi", [-0.5, 0.0, 0.5])
def test_errors_cover_for_short_chains_that_go_from_side_to_side_too(phi: float) -> None:
    chains = autoregressive(phi, (50, 4, 2000))
    found = mixing(chains)
    z = chains.mean((0, 1)) / (found.variance * found.autocorrelation_time / 200).sqrt()
    assert 0.95 < float(z.square().mean().sqrt()) < 1.1


def test_chains_in_different_places_have_a_large_r_hat() -> None:
    chains = autoregressive(0.0, (50, 4, 3))
    chains[:, 0, 1] += 10
    found = mixing(chains)
    assert found.r_hat[1] > 2
    assert found.r_hat[0] < 1.1 > found.r_hat[2]


def test_a_single_chain_and_one_that_never_moves() -> None:
    assert mixing(autoregressive(0.0, (50, 1, 3))).r_hat.isnan().all()
    still = mixing(torch.ones(50, 4, 2))
    assert (still.variance * still.autocorrelation_time == 0).all()
