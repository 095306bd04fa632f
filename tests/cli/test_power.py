"""`bench power` through the real command line."""

from __future__ import annotations

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bench as library
from bench.reporting import power as planning
from bench.reporting.tables.terminal import render_table

Bench = Callable[..., subprocess.CompletedProcess[str]]


def test_a_table_and_what_it_means(bench: Bench, trained_run: Path) -> None:
    shown = " ".join(bench("power", trained_run, "--difference", 0.5).stdout.split())
    assert "aevb[learning_rate=0.05] - mcem" in shown
    assert "To find a difference of 0.5 nats with a probability of 80%." in shown
    assert "among all 3 comparisons of `differences` is at most 5%: at a level of 0.017 each." in shown
    markdown = bench("power", trained_run, "--difference", 0.5, "--format", "markdown").stdout
    assert "| seeds needed" in markdown
    for said in (shown, markdown):
        assert "Algorithms were tuned in different ways (aevb[learning_rate=0.05]: given; mcem: paper" in said


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


def test_one_nat_and_one_comparison_are_singular(bench: Bench, tmp_path: Path) -> None:
    asked = [
        "--algos",
        "aevb[learning_rate=0.02],wakesleep[learning_rate=0.02]",
        "--z",
        2,
        "--seeds",
        2,
        "--budget",
        200,
    ]
    bench("run", *asked, "--likelihood-points", 5, "--backend", "sequential", "--out", "two")
    shown = " ".join(bench("power", "two", "--difference", 1).stdout.split())
    assert "Seeds that find a difference of 1 nat " in shown
    assert "the probability of a false verdict in the one comparison of `differences` is at most 5%" in shown
    assert "at a level of 0.05." in shown


def test_a_narrow_terminal_has_room_for_the_answer() -> None:
    """Of two reference algorithms with long names."""
    row = {"dataset": "digits", "n_train": 1500, "observed": 0.5, "seeds": 3, "num_points": 300, "power": 0.5}
    row |= {"seeds_needed": 12.0, "seeds_needed_cautious": 40.0, "points_needed": math.inf, "level": 0.01, "why": ""}
    pairs = [("aevb[num_samples=5]", "mcem (reference-digits)"), ("wakesleep", "vqvae (reference-digits)")]
    rows = pd.DataFrame([{**row, "z": z, "algorithm": one, "other": other} for z, (one, other) in enumerate(pairs)])
    rows = rows.assign(seeds=[3, 4], power=[0.5, 0.6], seeds_needed=[12.0, 8.0], num_points=[300, 400])
    rows = rows.assign(seeds_needed_cautious=[40.0, 30.0], n_train=[1500, 1000], observed=[0.5, 0.1])
    table = render_table(planning.shown(rows), "Seeds", width=80)
    headings = [" ".join(str(column.header).split()) for column in table.columns]
    assert "difference" in headings
    _, _, left_out = str(table.caption).partition("No room for: ")
    assert left_out
    assert not {"seeds needed", "cautiously", "power now"} & {*left_out.rstrip(".").replace("\n", " ").split(", ")}
