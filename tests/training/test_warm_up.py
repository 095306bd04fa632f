"""What PyTorch loads at the first update must not count as training time of the first trial."""

from __future__ import annotations

import subprocess
import sys

import pytest

CODE = """
import sys, torch
from bench.algorithms.aevb import AEVB
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem
from bench.training.session import Session

class Theirs(AEVB):
    def step(self, batch):
        self.optimiser = torch.optim.Adam(self.model.parameters())
        return super().step(batch)

algorithm = {algorithm}(2, model="mlp[hidden=3]", device="cpu", learning_rate=0.1)
x = torch.zeros(300, 6)
session = Session(algorithm, Problem(x, 2, algorithm.architecture, "bernoulli"), Minibatches(x, None, 0), 0, {{}})
session.begin()
before = set(sys.modules)
for _ in session.run(300):
    session.state_dict()
print("torch._dynamo" in before, [*sorted(set(sys.modules) - before)])
"""


@pytest.mark.parametrize(("algorithm", "loads_compiler"), [("AEVB", False), ("Theirs", True)])
def test_training_imports_nothing_more(algorithm: str, loads_compiler: bool) -> None:
    """A user's optimiser of PyTorch needs its compiler, a second of imports; the shipped algorithms do without it."""
    code = CODE.format(algorithm=algorithm)
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown == f"{loads_compiler} []\n"
