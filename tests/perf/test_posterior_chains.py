"""Chains along a path and a posterior's modes: the hot paths of the slower estimators (`tox -e perf`)."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from bench import seeds
from bench.architectures.mlp import MLP
from bench.likelihood.diagnosis import diagnose
from bench.mcmc import hmc
from bench.mcmc.posterior import LogPosterior
from bench.training.problem import Problem


@pytest.fixture
def problem() -> Problem:
    """100 datapoints of 64 pixels, z = 3, 100 hidden units."""
    x = torch.bernoulli(torch.full((100, 64), 0.4), generator=seeds.generator("perf"))
    return Problem(x, 3, MLP(hidden=100, init_scale=0.3), "bernoulli")


def test_gradients(benchmark: Any, problem: Problem) -> None:
    """One Hamiltonian transition of 10 leapfrog steps of 100 chains."""
    model, generator = problem.model(encoder=False), seeds.generator("perf")
    density = LogPosterior(model, problem.x)
    state = hmc.init(density, torch.zeros(100, 3))
    _, info = benchmark(lambda: hmc.step(density, state, 0.1, 10, generator))
    assert torch.isfinite(info.acceptance).all()


def test_diagnosis(benchmark: Any, problem: Problem) -> None:
    """Gaps, active units and information of 100 datapoints, 50 of them with gaps."""
    model, unknown = problem.model(encoder=True), torch.zeros(100)
    found = benchmark.pedantic(lambda: diagnose(model, problem.x, unknown, unknown, seeds.generator("perf")), rounds=3)
    assert found.num_gap_points == 50
