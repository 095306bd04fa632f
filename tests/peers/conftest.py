"""Fixtures of the comparisons with other projects: all sides use one core, and take turns."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from statistics import median

import pytest
import torch
from torch import Tensor

from bench.studies.spec import Choice, load_data

ROUNDS = 5

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
