"""What lies between training and a table: evaluations on disk, results read back, a table drawn (`tox -e perf`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bench
from bench import api
from bench.runner import Execution
from bench.store import TrialFolder

ROW = {"samples": 1000, "updates": 10, "model_evaluations": 2000, "train_seconds": 0.5, "elbo_test": -31.25}


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small trials, run once."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    asked = {"algos": ["aevb[learning_rate=0.01]"], "z": [2], "seeds": [0, 1], "hidden": 5, "budget": 500}
    here = Execution(jobs=1, backend="sequential")
    bench.run(
        **asked, likelihood=["importance[num_samples=5]"], likelihood_points=5, out=folder, execution=here, quiet=True
    )
    return folder


def test_append_to_trace(benchmark: Any, tmp_path: Path) -> None:
    """One evaluation more, on disk."""
    folder = TrialFolder(tmp_path)
    benchmark(lambda: folder.append_trace(ROW))
    assert folder.read_trace()[0] == ROW


def test_read_run(benchmark: Any, finished: Path) -> None:
    """All frames of a run of two trials."""

    def frames() -> tuple[int, int, int]:
        results = bench.load(finished)
        return len(results.trials), len(results.trace), len(results.likelihoods)

    trials, marks, estimates = benchmark(frames)
    assert trials == 2
    assert marks > trials
    assert estimates == 2


def test_table(benchmark: Any, finished: Path, tmp_path: Path) -> None:
    """The table of log-likelihoods of that run, as Markdown."""
    results = bench.load(finished)
    made = benchmark(lambda: api.report(results, ["log_likelihood"], ["md"], tmp_path))
    assert "aevb" in made["log_likelihood"][0].read_text(encoding="utf-8")
