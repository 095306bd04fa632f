"""A back end is one file, and --backend finds it: a user's own, or one more in the folder of the shipped ones."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import bench as library
from bench import plugins

ROOT = Path(__file__).parents[2]
PLUGINS = ROOT / "tests" / "plugins"
MINE = PLUGINS / "backwards.py"
QUICK = ["--dataset", PLUGINS / "blobs.py", "--algos", "aevb[learning_rate=0.05],mcem[learning_rate=0.05]", "--z", 2]
QUICK += ["--budget", 500, "--seeds", 1, "--likelihood", "importance[num_samples=5]", "--likelihood-points", 5]

Bench = Callable[..., subprocess.CompletedProcess[str]]


def order(shown: str) -> list[str]:
    """The algorithms, in the order in which their trials ended."""
    return [line.split()[2].partition("[")[0] for line in shown.splitlines() if line.startswith("[")]


def test_a_users_file_runs_trials_and_estimates(bench: Bench, tmp_path: Path) -> None:
    mine = f"{MINE}[log={tmp_path / 'log'}]"
    finished = bench("run", *QUICK, "--backend", mine, "--out", "run")
    assert order(finished.stderr) == ["mcem", "aevb"]
    assert (tmp_path / "log").read_text() == "task\n" * 4  # the data set's file is imported and its data loaded, first
    bench("run", *QUICK, "--backend", "sequential", "--out", "other")
    one, two = (library.load(tmp_path / name).trials.set_index("algorithm") for name in ("run", "other"))
    assert one["log_likelihood_test"].equals(two["log_likelihood_test"])
    bench("estimate", "run", "--trust", "--likelihood", "importance[num_samples=6]", "--backend", mine)
    assert (tmp_path / "log").read_text() == "task\n" * 8
    assert set(library.load(tmp_path / "run").likelihoods["estimator"]) >= {"importance[num_samples=6]"}


def test_a_wrong_back_end_is_refused_with_what_there_is(bench: Bench) -> None:
    for command in (["run"], ["estimate", "run", "--trust"]):
        assert "'--backend': Unknown backend 'locky'. Did you mean 'loky'" in bench(
            *command, "--backend", "locky", code=2
        ).stderr.replace("\n", " ")
        assert "dask, loky, ray, sequential, slurm, threading, or a file" in " ".join(
            bench(*command, "--help").stdout.split()
        )
    assert "has no option 'workers'" in bench("run", *QUICK, "--backend", "loky[workers=3]", code=2).stderr


def test_a_file_in_the_shipped_folder_is_all_it_takes(tmp_path: Path) -> None:
    for folder in ("bench", "algorithms", "datasets", "reports"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(MINE, tmp_path / "bench" / "execution" / "backends")
    commands = [["run", *QUICK, "--backend", f"backwards[log={tmp_path / 'log'}]", "--out", "run"]]
    shown = [
        subprocess.run(
            [sys.executable, "-P", "-m", "bench", *map(str, command)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=True,
        )
        for command in [*commands, ["run", "--help"], ["list", "backends"]]
    ]
    assert order(shown[0].stderr) == ["mcem", "aevb"]
    assert "backwards, dask, loky, ray, sequential" in " ".join(shown[1].stdout.split())
    assert "The last task first" in shown[2].stdout
    assert "backwards" not in plugins.find("backend")
