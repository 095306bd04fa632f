"""What plugins report and write: refused as their trial's failure, and harmless wherever it is shown."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bench as library
from bench.values.texts import MOST_CHARACTERS

PLUGINS = Path(__file__).parent.parent / "plugins"
SMALL = ["--dataset", str(PLUGINS / "blobs.py"), "--seeds", "1", "--budget", "200", "--hidden", "5"]
SMALL += ["--likelihood-points", "5", "--backend", "sequential", "--device", "cpu"]

Bench = Callable[..., subprocess.CompletedProcess[str]]
Train = Callable[..., None]

REASONS = {
    "half": r"ValueError: half a \ud800 character",
    "escape": r"ValueError: \x1b[31mred\x07 and \x00 nul",
    "long": "characters left out",
    "nan": "The objective is nan",
    "negative": "`model_evaluations` of the StepInfo that `step` returns must be an integer of at least 0 (got -5)",
    "fraction": "`model_evaluations` of the StepInfo that `step` returns must be an integer of at least 0 (got 2.5)",
    "complex": "`objective` of the StepInfo that `step` returns must be one real number",
    "vector": "`objective` of the StepInfo that `step` returns must be one real number (got a tensor of shape (3,)",
    "none": "`step` must return a StepInfo (got None)",
    "text": "`diagnostics['rate']` of the StepInfo that `step` returns must be one real number (got 'high')",
}
RESULTS = {
    "short": "`log_likelihoods` must be [5] real numbers (got shape (4,)",
    "sideways": "`bias` must be lower, upper, consistent, upward (got 'sideways')",
    "negative": "`standard_errors` must not be negative (got -1)",
    "complex": "`log_likelihoods` must be [5] real numbers",
    "cost": "`model_evaluations` must be an integer of at least 0 (got -1)",
    "list": "`log_likelihoods` must be [5] real numbers",
    "summary": "`summary['a']` must be a number",
    "none": "it must return an Estimate (got None)",
}


@pytest.fixture(scope="module")
def wild(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One trial for each of REASONS."""
    out = tmp_path_factory.mktemp("wild") / "run"
    algos = [f"{PLUGINS / 'wild.py'}[what={what}]" for what in REASONS]
    fields = {"dataset": str(PLUGINS / "blobs.py"), "seeds": 1, "budget": 200, "hidden": 5, "likelihood_points": 5}
    here = library.Execution(backend="sequential", device="cpu")
    library.run(algos=algos, out=out, execution=here, quiet=True, **fields)
    return out


def test_a_report_that_breaks_the_contract_is_the_failure_of_its_trial(wild: Path) -> None:
    trials = library.load(wild).trials
    assert set(trials["status"]) == {"failed", "diverged"}
    reasons = dict(zip(trials["algorithm"], trials["reason"], strict=True))
    for what, words in REASONS.items():
        reason = reasons["wild" if what == "half" else f"wild[what={what}]"]
        assert words in reason
        assert len(reason) <= MOST_CHARACTERS


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["report", "run", "--out", "report"], 0),
        (["export", "run"], 0),
        (["compare", "run", "run"], 2),
    ],  # 2: all failed
)
def test_no_text_of_a_plugin_is_shown_as_it_is(
    bench: Bench, wild: Path, tmp_path: Path, arguments: list[str], code: int
) -> None:
    (tmp_path / "run").symlink_to(wild)
    shown = bench(*arguments, code=code)
    written = [path for path in (tmp_path / "report").rglob("*") if path.suffix in (".tex", ".md", ".csv", ".html")]
    for text in (shown.stdout, shown.stderr, *(path.read_text(encoding="utf-8") for path in written)):
        assert re.search("\x1b|\x07|\x00|[\ud800-\udfff]", text) is None
        assert "x" * MOST_CHARACTERS not in text


def test_estimates_that_break_the_contract_are_refused_and_cost_no_other(bench: Bench, tmp_path: Path) -> None:
    estimators = [f"{PLUGINS / 'sideways.py'}[what={what}]" for what in (*RESULTS, "escape")]
    likelihood = ",".join([*estimators, "importance[num_samples=10]"])
    bench("run", *SMALL, "--algos", "aevb[learning_rate=0.02]", "--likelihood", likelihood, "--out", "run")
    frame = library.load(tmp_path / "run").likelihoods.set_index("estimator")
    for what, words in RESULTS.items():
        row = frame.loc["sideways" if what == "short" else f"sideways[what={what}]"]
        assert words in row["warnings"]
        assert pd.isna(row["log_likelihood"])
    escaped = frame.loc["sideways[what=escape]", "warnings"]
    assert escaped.startswith(r"\x1b[31m \ud800www")
    assert len(escaped) <= MOST_CHARACTERS
    assert frame.loc["importance[num_samples=10]", "log_likelihood"] < 0
