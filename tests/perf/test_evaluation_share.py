"""Evaluation takes at most a quarter of a trial's time at default settings: `tox -e perf -- -m slow -rP`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import bench


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["aevb", "wakesleep", "mcem"])
def test_evaluation_takes_at_most_a_quarter(benchmark: Any, tmp_path: Path, algorithm: str) -> None:
    """One trial of the default study."""
    command = [
        sys.executable,
        "-m",
        "bench",
        "run",
        "--algos",
        algorithm,
        "--seeds",
        "1",
        "--out",
        str(tmp_path / "run"),
    ]
    benchmark.pedantic(lambda: subprocess.run(command, check=True, capture_output=True), rounds=1)
    trial = bench.load(tmp_path / "run").trials.iloc[0]
    share = trial["eval_seconds"] / (trial["eval_seconds"] + trial["train_seconds"])
    benchmark.extra_info["share"] = share
    print(f"{algorithm}: {share:.1%} of the time is evaluation")  # noqa: T201  # shown by pytest -rP
    assert share <= 0.25
