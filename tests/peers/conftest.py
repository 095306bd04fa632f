"""Fixtures of the comparisons with other projects: all sides use one core, and take turns."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

import pytest
import torch
from torch import Tensor

from bench.algorithms.aevb import AEVB
from bench.studies.spec import Choice, load_data
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, update

ROUNDS = 5
BATCH, RATE = 100, 0.02

if hasattr(os, "sched_setaffinity"):  # before JAX counts the cores; where there is none, it uses all
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Of PyTorch, whatever another test has set."""
    torch.set_num_threads(1)


@pytest.fixture
def mnist(data_dir: object) -> Callable[[str], tuple[Tensor, Tensor]]:
    """Real MNIST by its options: training and test pixels."""

    def load(options: str) -> tuple[Tensor, Tensor]:
        data = load_data(Choice.parse("dataset", f"mnist[{options}]"))
        return data.x_train, data.x_test

    return load


@pytest.fixture
def alternately() -> Callable[..., dict[str, float]]:
    """Median seconds of each function, called alternately, so that other load affects all of them."""

    def measure(**functions: Callable[[], object]) -> dict[str, float]:
        seconds: dict[str, list[float]] = {name: [] for name in functions}
        for _ in range(ROUNDS):
            for name, function in functions.items():
                started = time.perf_counter()
                function()
                seconds[name].append(time.perf_counter() - started)
        return {name: median(values) for name, values in seconds.items()}

    return measure


class Bench:
    """AEVB as the training loop of `bench` calls it."""

    def __init__(self, x: Tensor, model: str, latent_size: int, updates: int) -> None:
        """Set the algorithm up; the initial weights are the same each time."""
        self.algorithm = AEVB(latent_size, model=model, device="cpu", learning_rate=RATE, prior="none")
        problem = Problem(x, latent_size, self.algorithm.architecture, "bernoulli")
        self.algorithm.setup(problem, torch.Generator().manual_seed(0))
        self.batches, self.updates, self.count = Minibatches(x, BATCH, seed=0), updates, 0

    def weights(self) -> list[Tensor]:
        """A copy: of the encoder, then of the decoder."""
        model = self.algorithm.model
        assert model.encoder is not None
        return [each.detach().clone() for part in (model.encoder, model.decoder) for each in part.parameters()]

    def train(self) -> float:
        """Make the updates; returns the mean objective."""
        objectives = []
        for _ in range(self.updates):
            objectives.append(update(self.algorithm, self.batches[self.count]).objective)
            self.count += 1
        return float(torch.stack(objectives).mean())


@pytest.fixture
def bench() -> type[Bench]:
    """``bench(x, "mlp[hidden=100]", latent_size, updates)``: the side of this project."""
    return Bench
