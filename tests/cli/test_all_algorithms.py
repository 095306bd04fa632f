"""All shipped algorithms in one command, and reports of runs whose algorithms have options in their names."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import bench as library
from bench import plugins
from bench.errors import UsageError

Bench = Callable[..., subprocess.CompletedProcess[str]]
SMALL = ["--seeds", "1", "--z", "4", "--hidden", "10", "--budget", "300", "--eval-points", "20"]
SMALL += ["--likelihood-points", "5", "--tune", "paper[samples=200]", "--backend", "sequential"]


@pytest.mark.slow
def test_all_shipped_algorithms_end_in_one_table(bench: Bench, tmp_path: Path) -> None:
    names = [*plugins.find("algorithm")]
    shown = bench("run", "--algos", ",".join(names), *SMALL, "--out", "run").stdout  # exit code 0
    run = library.load(tmp_path / "run")
    assert dict(zip(run.trials["algorithm"], run.trials["status"], strict=True)) == dict.fromkeys(names, "done")
    assert len(names) >= 15
    library.report(run, ["log_likelihood"], ["csv"])
    rows = (tmp_path / "run" / "report" / "tables" / "log_likelihood.csv").read_text().splitlines()
    assert len(rows) == 1 + len(names)
    assert all(name in shown for name in names)


def test_runs_that_share_an_algorithm_with_options_are_reported_together(bench: Bench, tmp_path: Path) -> None:
    """Their names in tables end with the run's, in brackets of another kind."""
    algorithms = "iwae[learning_rate=0.02,num_samples=2],aevb[learning_rate=0.02]"
    for run in ("a", "b"):
        bench("run", "--algos", algorithms, *SMALL, "--out", run)
    bench("report", "a", "b", "--format", "csv", "--out", "both")
    rows = (tmp_path / "both" / "tables" / "iwae_table1.csv").read_text().splitlines()
    assert len(rows) == 1 + 4


def test_a_report_that_refuses_a_run_leaves_the_others(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless it was named: its options may be what is wrong then."""
    bench("run", "--algos", "aevb[learning_rate=0.02]", *SMALL, "--out", "run")
    report = plugins.find("report")["losses"].load()

    def refused(self: object, results: object) -> None:
        raise UsageError("It cannot be shown.")

    monkeypatch.setattr(report, "table", refused)
    refusals: list[str] = []
    run = library.load(tmp_path / "run")
    library.report(run, formats=["csv"], failed=lambda name, error: refusals.append(name))
    assert refusals == ["losses"]
    assert (tmp_path / "run" / "report" / "tables" / "log_likelihood.csv").exists()
    with pytest.raises(UsageError, match="cannot be shown"):
        library.report(run, ["losses"], ["csv"], failed=lambda name, error: refusals.append(name))
