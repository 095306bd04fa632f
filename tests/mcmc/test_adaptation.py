"""Dual averaging against its formulas and its purpose."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench import seeds
from bench.mcmc import hmc
from bench.mcmc.adaptation import DualAveraging
from bench.mcmc.density import Differentiated

# Many widths, as acceptance is not monotone in the step size where a trajectory can resonate with all there are.
SCALES = torch.logspace(-1, 0.5, 10)


@Differentiated
def gaussian(z: Tensor) -> Tensor:
    return -0.5 * (z / SCALES).square().sum(-1)


def warmed_up(target: float, generator: torch.Generator) -> tuple[hmc.State, DualAveraging]:
    draws = SCALES * torch.randn(300, 10, generator=generator)
    state, adaptation = hmc.init(gaussian, draws), DualAveraging(0.005, target)
    for _ in range(500):
        state, info = hmc.step(gaussian, state, adaptation.step_size, 4, generator)
        adaptation.update(info.acceptance.mean())
    return state, adaptation


def mean_acceptance(state: hmc.State, step_size: Tensor, generator: torch.Generator) -> float:
    acceptances = []
    for _ in range(100):
        state, info = hmc.step(gaussian, state, step_size, 4, generator)
        acceptances.append(float(info.acceptance.mean()))
    return sum(acceptances) / len(acceptances)


@pytest.mark.parametrize("target", [0.65, 0.9])
def test_the_frozen_step_size_meets_the_target(target: float) -> None:
    generator = seeds.generator("test-adaptation-target")
    state, adaptation = warmed_up(target, generator)
    assert mean_acceptance(state, torch.tensor(0.005), generator) > 0.98  # where it began
    assert mean_acceptance(state, adaptation.averaged, generator) == pytest.approx(target, abs=0.02)


def test_the_formulas_of_hoffman_and_gelman() -> None:
    acceptances = [0.2, 0.95, 0.7, 0.99, 0.1]
    adaptation = DualAveraging(torch.tensor(0.5, dtype=torch.float64), 0.8)
    error, log_averaged, log_step = 0.0, 0.0, math.log(0.5)
    for t, acceptance in enumerate(acceptances, start=1):
        error = (1 - 1 / (t + 10)) * error + (0.8 - acceptance) / (t + 10)
        log_step = math.log(10 * 0.5) - math.sqrt(t) / 0.05 * error
        log_averaged = t**-0.75 * log_step + (1 - t**-0.75) * log_averaged
        adaptation.update(torch.tensor(acceptance, dtype=torch.float64))
    assert float(adaptation.step_size) == pytest.approx(math.exp(log_step), rel=1e-12)
    assert float(adaptation.averaged) == pytest.approx(math.exp(log_averaged), rel=1e-12)


def test_before_the_first_update_it_is_the_initial_step_size() -> None:
    adaptation = DualAveraging(0.25, 0.8)
    assert float(adaptation.step_size) == float(adaptation.averaged) == pytest.approx(0.25)


def test_with_a_horizon_it_keeps_up_with_a_posterior_that_narrows() -> None:
    generator = seeds.generator("test-adaptation-horizon")
    adaptation = DualAveraging(0.1, 0.9, horizon=200)
    state, acceptances, widths = hmc.init(gaussian, torch.zeros(100, 10)), [], torch.logspace(0, -1.5, 1500)
    for width in widths:

        @Differentiated
        def narrowed(z: Tensor, width: Tensor = width) -> Tensor:
            return gaussian(z / width)

        state = hmc.init(narrowed, state.z)
        state, info = hmc.step(narrowed, state, adaptation.step_size, 4, generator)
        adaptation.update(info.acceptance.mean())
        acceptances.append(float(info.acceptance.mean()))
    assert sum(acceptances[-500:]) / 500 == pytest.approx(0.9, abs=0.03)


def test_the_horizon_keeps_the_gain() -> None:
    def factor_of_one_surprise(horizon: int | None) -> float:
        adaptation = DualAveraging(torch.tensor(1.0, dtype=torch.float64), 0.9, horizon)
        for _ in range(5000):
            adaptation.update(torch.tensor(0.9, dtype=torch.float64))
        before = adaptation.step_size
        adaptation.update(torch.tensor(0.0, dtype=torch.float64))
        return float(before / adaptation.step_size)

    assert factor_of_one_surprise(100) == pytest.approx(math.exp(0.9 * math.sqrt(100) / 0.05 / 110), rel=1e-6)
    assert factor_of_one_surprise(None) == pytest.approx(math.exp(0.9 * math.sqrt(5001) / 0.05 / 5011), rel=1e-6)


@pytest.mark.parametrize("initial", [lambda: 0.1, lambda: torch.full((3,), 0.1)])
def test_resuming_is_bit_exact(initial: Callable[[], float | Tensor]) -> None:
    acceptances = torch.rand(100, 3, generator=seeds.generator("test-adaptation-resume"))

    def feed(adaptation: DualAveraging, rows: Tensor) -> None:
        for row in rows:
            adaptation.update(row if adaptation.mu.ndim else row.mean())

    straight, before = DualAveraging(initial(), 0.8, horizon=70), DualAveraging(initial(), 0.8, horizon=70)
    feed(straight, acceptances)
    feed(before, acceptances[:60])
    saved = before.state_dict()
    feed(before, acceptances[60:])  # the saved state does not change with the live one
    assert all(isinstance(value, (int, float, Tensor, type(None))) for value in saved.values())
    resumed = DualAveraging(1.0, 0.5)
    resumed.load_state_dict(saved)
    feed(resumed, acceptances[60:])
    assert torch.equal(resumed.step_size, straight.step_size)
    assert torch.equal(resumed.averaged, straight.averaged)
    assert resumed.step_size.shape == straight.mu.shape
