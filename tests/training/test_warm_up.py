"""What PyTorch loads at the first update must not count as training time of the first trial."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import time, torch
from torch import nn
from bench.training.optimiser import make_optimiser, warm_up

def seconds(call):
    started = time.perf_counter()
    call()
    return time.perf_counter() - started

first = seconds(lambda: warm_up(torch.device("cpu")))
second = seconds(lambda: make_optimiser("adagrad", [nn.Parameter(torch.zeros(3))], 0.1, num_data=1))
print(first, second)
"""


@pytest.mark.timing
def test_the_first_optimiser_is_slow_and_those_after_the_warm_up_are_not() -> None:
    shown = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    first, second = map(float, shown.split())
    assert second < first / 10
