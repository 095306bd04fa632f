"""A worker that has other data than the command does not train on them."""

from __future__ import annotations

import platform
from pathlib import Path

import numpy as np

import bench
from bench.execution.execution import Execution

BACKEND = """
import numpy as np
from bench.execution.backends.sequential import Sequential


class Elsewhere(Sequential):
    '''Runs trials where the file has other values.'''

    def adopt(self, function, tasks, workers):
        np.save({path!r}, np.load({path!r})[::-1])
        return ()
"""


def test_a_fresh_trial_on_other_data_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((60, 5)))
    (tmp_path / "elsewhere.py").write_text(BACKEND.format(path=str(tmp_path / "x.npy")))
    found = []
    for _ in range(2):
        results = bench.run(
            algos="aevb[learning_rate=0.05]", dataset=str(tmp_path / "x.npy"), z=2, hidden=8, seeds=1, budget=200,
            likelihood="importance[num_samples=5]", likelihood_points=5, out=tmp_path / "run", quiet=True,
            execution=Execution(backend=str(tmp_path / "elsewhere.py") if not found else "sequential", device="cpu"),
        )  # fmt: skip
        found.append(results.trials.iloc[0])
    assert found[0]["status"] == "failed"
    assert f"data on {platform.node()} are not those that the command has read" in found[0]["reason"]
    assert found[1]["status"] == "done", "once they are the same"
