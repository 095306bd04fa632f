"""The way from training to a table: results written, read, drawn and compared (`tox -e perf`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import bench
from bench import api
from bench.execution.execution import Execution
from bench.reporting.comparison.compare import compare
from bench.store.records import TraceRow
from bench.store.trial_folder import TrialFolder

ROW = TraceRow(1000, 10, 2000, train_seconds=0.5, eval_seconds=0.1, objective=-31.0, elbo_test=-31.25)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of two small trials, made once."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    study = {"algos": ["aevb[learning_rate=0.01]"], "z": [2], "seeds": [0, 1], "hidden": 5, "budget": 500}
    here = Execution(jobs=1, backend="sequential")
    bench.run(
        **study, likelihood=["importance[num_samples=5]"], likelihood_points=5, out=folder, execution=here, quiet=True
    )
    return folder


def test_write_trace(benchmark: Any, tmp_path: Path) -> None:
    """Write a trace of 20 evaluations, on disk."""
    folder = TrialFolder(tmp_path)
    benchmark(lambda: folder.write_trace([ROW] * 20))
    assert folder.read_trace()[0] == ROW


def test_read_run(benchmark: Any, finished: Path) -> None:
    """Read all frames of a run of two trials."""

    def frames() -> tuple[int, int, int]:
        results = bench.load(finished)
        return len(results.trials), len(results.trace), len(results.likelihoods)

    trials, marks, estimates = benchmark(frames)
    assert trials == 2
    assert marks > trials
    assert estimates == 2


def test_table(benchmark: Any, finished: Path, tmp_path: Path) -> None:
    """Write the table of log-likelihoods of that run as Markdown."""
    results = bench.load(finished)
    made = benchmark(lambda: api.report(results, ["log_likelihood"], ["md"], tmp_path))
    assert "aevb" in made["log_likelihood"][0].read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "form"), [("convergence_samples", "png"), ("index", "html")])
def test_drawn(benchmark: Any, finished: Path, tmp_path: Path, name: str, form: str) -> None:
    """Draw a figure of that run, and make the page with all figures."""
    made = benchmark.pedantic(lambda: api.report(bench.load(finished), [name], [form], tmp_path), rounds=2)
    assert made[name][0].stat().st_size > 10_000


def test_compare(benchmark: Any, finished: Path) -> None:
    """Compare that run with itself."""
    results = bench.load(finished)
    comparison = benchmark(lambda: compare(results, results))
    assert not comparison.of("better", "worse")
