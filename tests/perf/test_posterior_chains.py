"""Chains on posteriors, and the diagnosis: hot paths of the slower estimators (`tox -e perf`)."""

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
    """One Hamiltonian transition of 100 chains with 10 leapfrog steps."""
    model, generator = problem.model(encoder=False), seeds.generator("perf")
    density = LogPosterior(model, problem.x)
    state = hmc.init(density, torch.zeros(100, 3))
    _, info = benchmark(lambda: hmc.step(density, state, 0.1, 10, generator))
    assert torch.isfinite(info.acceptance).all()


def test_diagnosis(benchmark: Any, problem: Problem) -> None:
    """Active units and information on 100 datapoints, gaps on 50 of them."""
    model, unknown = problem.model(encoder=True), torch.zeros(100)
    diagnosis = benchmark.pedantic(
        lambda: diagnose(model, problem.x, unknown, unknown, seeds.generator("perf")), rounds=3
    )
    assert diagnosis.num_gap_points == 50
