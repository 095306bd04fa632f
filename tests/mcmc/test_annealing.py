"""Annealing between two Gaussians, whose normalising constants are known."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from scipy import stats
from torch import Tensor

from bench import seeds
from bench.mcmc import annealing, hmc
from bench.mcmc.annealing import Path, anneal, pilot, sigmoidal_schedule
from bench.mcmc.density import Differentiated

FALSE_ALARM = 1e-4
THRESHOLD = float(stats.norm.isf(FALSE_ALARM / 2))
D, SCALE, LOG_MASS = 2, 0.3, -1.7  # the target is exp(LOG_MASS) N(1, SCALE^2 I)


@Differentiated
def log_start(z: Tensor) -> Tensor:
    return -0.5 * (z.square().sum(-1) + D * math.log(2 * math.pi))


@Differentiated
def log_target(z: Tensor) -> Tensor:
    squares = ((z - 1) / SCALE).square().sum(-1)
    return -0.5 * (squares + D * math.log(2 * math.pi * SCALE**2)) + LOG_MASS


PATH = Path(log_start, log_target)


def normal(*shape: int, name: str) -> Tensor:
    return torch.randn(*shape, generator=seeds.generator(name), dtype=torch.float64)


def test_schedule() -> None:
    schedule = sigmoidal_schedule(100)
    assert (schedule[0], schedule[50], schedule[100]) == (0.0, pytest.approx(0.5), 1.0)
    rising = [b - a for a, b in pairwise(schedule)]
    assert min(rising) > 0
    assert rising[0] == pytest.approx(rising[-1])
    assert rising[50] > 5 * rising[0]


@pytest.mark.parametrize("num_steps", [3, 10])
def test_weights_are_unbiased_forward(num_steps: int) -> None:
    """E[w] is the normalising constant, however few the steps and poor the moves."""
    z = normal(4000, 5, D, name="test-annealing-forward")
    sizes = torch.full((num_steps - 1, 5), 0.2, dtype=torch.float64)
    run = anneal(PATH, z, sigmoidal_schedule(num_steps), 3, seeds.generator("test-annealing"), sizes)
    ratio = (run.log_weights - LOG_MASS).exp().flatten()
    assert abs(float(ratio.mean()) - 1) < THRESHOLD * float(ratio.std()) / math.sqrt(len(ratio))
    assert float((run.log_weights - LOG_MASS).mean()) < -0.05


@pytest.mark.parametrize("num_steps", [15, 40])
def test_reciprocal_weights_are_unbiased_in_reverse(num_steps: int) -> None:
    z = 1 + SCALE * normal(4000, 5, D, name="test-annealing-reverse")
    sizes = torch.full((num_steps - 1, 5), 0.2, dtype=torch.float64)
    run = anneal(PATH, z, sigmoidal_schedule(num_steps)[::-1], 3, seeds.generator("test-annealing"), sizes)
    ratio = (LOG_MASS - run.log_weights).exp().flatten()
    assert abs(float(ratio.mean()) - 1) < THRESHOLD * float(ratio.std()) / math.sqrt(len(ratio))
    assert float((run.log_weights - LOG_MASS).mean()) > 0.05


def test_more_steps_are_tighter() -> None:
    z = normal(200, 5, D, name="test-annealing-tight")
    off = []
    for num_steps in (5, 20, 80):
        sizes, _ = pilot(PATH, z, num_steps, 5, seeds.generator("test-pilot"))
        run = anneal(PATH, z, sigmoidal_schedule(num_steps), 5, seeds.generator("test-tight"), sizes)
        off.append(float((run.log_weights - LOG_MASS).mean()))
    assert off[0] < off[1] < 0.5 * off[1] < off[2] < 0


def test_the_pilot_finds_step_sizes_that_meet_the_target_and_are_then_frozen() -> None:
    z = normal(8, 60, D, name="test-annealing-pilot")
    sizes, _ = pilot(PATH, z, 100, 5, seeds.generator("test-pilot"))
    assert sizes.shape == (99, 60)
    run = anneal(PATH, z, sigmoidal_schedule(100), 5, seeds.generator("test-frozen"), sizes)
    assert torch.equal(run.step_sizes, sizes)
    assert float(run.acceptance.mean()) == pytest.approx(annealing.TARGET, abs=0.06)
    assert float(sizes[-1].mean()) < 0.5 * float(sizes[5].mean())  # the target is the narrower


def test_an_intermediate_state_is_what_a_fresh_evaluation_gives() -> None:
    z = normal(3, 4, D, name="test-annealing-rebased")
    state, b = hmc.init(log_target, z), 1.0
    for target in (0.01, 0.3, 0.8):
        state = annealing._rebased(state, hmc.init(log_start, z), target / b)
        b = target
        fresh = hmc.init(PATH.between(b), z)
        torch.testing.assert_close(state.log_density, fresh.log_density)
        torch.testing.assert_close(state.gradient, fresh.gradient)
        torch.testing.assert_close(annealing._log_ratio(state, hmc.init(log_start, z), b), log_target(z) - log_start(z))


def test_divergent_transitions_are_counted() -> None:
    z = normal(4, 6, D, name="test-annealing-divergent")
    sizes = torch.full((9, 6), 1e3, dtype=torch.float64)
    run = anneal(PATH, z, sigmoidal_schedule(10), 3, seeds.generator("test-divergent"), sizes)
    assert run.divergences.tolist() == [4 * 9] * 6
    assert torch.isfinite(run.log_weights).all()
    assert float(run.acceptance.max()) == 0
