"""`bench compare` through the real command line, on runs that were trained."""

from __future__ import annotations

import dataclasses
import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import markdown_it
import pytest

from bench.store.trial_folder import TrialFolder

Shown = subprocess.CompletedProcess[str]
Bench = Callable[..., Shown]
BLOBS = Path(__file__).parent.parent / "plugins" / "blobs.py"


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, train: Callable[..., None]) -> Path:
    """`base`; `wide`, with a further z; `poor`, a copy, 2 nats lower; `short`, with another budget."""
    folder = tmp_path_factory.mktemp("compared")
    asked = ["run", "--dataset", BLOBS, "--algos", "aevb", "--z", 2, "--seeds", 5, "--likelihood-points", 30]
    asked += ["--tune", "paper[samples=500]", "--likelihood", "importance[num_samples=50]"]
    for name, more in (("base", ["--budget", 3000]), ("short", ["--budget", 1000])):
        train(folder, *asked, *more, "--backend", "sequential", "--out", name)
    shutil.copytree(folder / "base", folder / "poor")
    train(folder, *asked, "--z", "2,7", "--budget", 3000, "--backend", "sequential", "--out", "wide")
    for path in (folder / "poor").glob("trials/*"):
        trial = TrialFolder(path)
        for each in trial.read_estimates():
            poor = dataclasses.replace(each, log_likelihood=each.log_likelihood - 2.0)
            trial.write_estimate(poor, trial.read_estimate_values(each.estimator, each.split))
    return folder


def test_with_itself(bench: Bench, runs: Path) -> None:
    shown = bench("compare", runs / "base", runs / "base").stdout
    assert "No evidence of any change in 5 comparisons." in shown
    assert "The target is the test bound at 95 %" in " ".join(shown.split())
    assert "Intervals are 95 %, over seeds and, of values by test point, over these too" in " ".join(shown.split())


def test_a_loss_ends_in_exit_code_1_and_a_gain_does_not(bench: Bench, runs: Path) -> None:
    shown = " ".join(bench("compare", runs / "base", runs / "poor", code=1).stdout.split())
    assert "Worse: log-likelihood of aevb, z = 2 (" in shown
    assert "by 2.00 nats (95 % interval -2.00 to -2.00; 5 pairs of seeds and 30 test points; p = " in shown
    assert "1 worse, 0 better, 4 without evidence of a change." in shown
    assert "0 worse, 1 better" in bench("compare", runs / "poor", runs / "base").stdout
    bench("compare", runs / "base", runs / "poor", "--min-nats", 3)
    assert "log-likelihood" in bench("compare", runs / "base", runs / "base", "--all").stdout


def test_json_is_for_programs(bench: Bench, runs: Path) -> None:
    told = json.loads(bench("compare", runs / "base", runs / "poor", "--format", "json", code=1).stdout)
    worse = [row for row in told["rows"] if row["verdict"] == "worse"]
    assert [(row["algorithm"], row["z"], row["measure"], round(row["change"], 6)) for row in worse] == [
        ("aevb", 2, "log-likelihood", -2.0)
    ]
    assert told["counts"] == {"worse": 1, "no evidence": 4}
    assert told["rules"]["false_alarms"] == 0.05


def test_markdown_is_for_pull_requests(bench: Bench, runs: Path) -> None:
    text = bench("compare", runs / "base", runs / "poor", "--format", "markdown", code=1).stdout
    page = markdown_it.MarkdownIt("commonmark").enable("table").render(text)
    assert "<strong>1 worse, 0 better, 4 without evidence of a change.</strong>" in page
    assert page.count("<tr>") == 6
    assert "<li>Worse: log-likelihood of aevb" in page


def test_nothing_to_compare_is_an_error(bench: Bench, runs: Path) -> None:
    failed = bench("compare", runs / "base", runs / "short", code=2)
    assert "different budget: 3,000 training samples in BASE, 1,000 in NEW" in " ".join(failed.stdout.split())
    assert "can be compared with" in failed.stderr


def test_missing_cells_are_named_and_strict_fails(bench: Bench, runs: Path) -> None:
    wide = runs / "wide"
    shown = " ".join(bench("compare", runs / "base", wide).stdout.split())
    assert "Missing: aevb, z = 7" in shown
    assert "only in NEW" in shown
    bench("compare", runs / "base", wide, "--strict", code=1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--min-nats", "-1"], "`min_nats` must be at least 0 (got -1)"),
        (["--min-ratio", "0.5"], "`min_ratio` must be at least 1, such as 1.1 for a tenth (got 0.5)"),
        (["--false-alarms", "5"], "`false_alarms` must lie between 0 and 1 (got 5)"),
    ],
)
def test_rules_that_could_not_be_meant(bench: Bench, runs: Path, arguments: list[str], message: str) -> None:
    assert message in bench("compare", runs / "base", runs / "base", *arguments, code=2).stderr


def test_a_folder_without_a_run(bench: Bench, runs: Path, tmp_path: Path) -> None:
    assert "is not a run folder" in bench("compare", runs / "base", tmp_path, code=2).stderr
