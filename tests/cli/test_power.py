"""`bench power` through the real command line."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import bench as library

Bench = Callable[..., subprocess.CompletedProcess[str]]


def test_a_table_and_what_it_means(bench: Bench, trained_run: Path) -> None:
    shown = " ".join(bench("power", trained_run, "--difference", 0.5).stdout.split())
    assert "aevb[learning_rate=0.05] - mcem" in shown
    assert "To find a difference of 0.5 nats with a probability of 80%." in shown
    assert "among all 3 comparisons of `differences` is at most 5%: at a level of 0.017 each." in shown
    markdown = bench("power", trained_run, "--difference", 0.5, "--format", "markdown").stdout
    assert "| seeds needed" in markdown


def test_json_and_the_python_function_have_the_same_numbers(bench: Bench, trained_run: Path) -> None:
    arguments = ["--difference", 3, "--level", 0.01, "--power", 0.9, "--format", "json"]
    told = json.loads(bench("power", trained_run, *arguments).stdout)
    assert (told["difference"], told["level"], told["power"]) == (3, 0.01, 0.9)
    table = library.power(trained_run, 3, level=0.01, power=0.9)
    assert [float(row["seeds_needed"]) for row in told["rows"]] == table["seeds_needed"].tolist()
    easier = library.power(trained_run, 6, level=0.01, power=0.9)
    assert (easier["power"] > table["power"]).all()
    assert (easier["seeds_needed"] <= table["seeds_needed"]).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing option '--difference'"),
        (["--difference", "-1"], "`difference` must be a number of nats above 0, such as 0.5 (got -1)"),
        (["--difference", "nan"], "`difference` must be a number"),
        (["--difference", "1", "--level", "2"], "`level` must lie between 0 and 1, such as 0.05 (got 2)"),
        (["--difference", "1", "--power", "1"], "`power` must lie between `level` (0.05) and 1"),
    ],
)
def test_what_could_not_be_meant(bench: Bench, trained_run: Path, arguments: list[str], message: str) -> None:
    assert message in bench("power", trained_run, *arguments, code=2).stderr


def test_a_folder_without_a_run_or_with_one_algorithm(bench: Bench, tmp_path: Path) -> None:
    assert "is not a run folder" in bench("power", tmp_path, "--difference", 1, code=2).stderr
    arguments = ["--algos", "aevb[learning_rate=0.02]", "--z", 2, "--seeds", 2, "--budget", 200]
    bench("run", *arguments, "--likelihood-points", 5, "--backend", "sequential", "--out", "one")
    failed = bench("power", "one", "--difference", 1, code=2)
    assert "the run needs two algorithms with a seed in common" in failed.stderr
