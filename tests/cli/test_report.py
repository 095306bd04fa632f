"""`bench report`: what is requested is made, shown and opened."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from bench import plugins
from bench.plugins import PluginRef
from bench.store.trial_folder import TrialFolder

Bench = Callable[..., subprocess.CompletedProcess[str]]
MINE = '''"""A report of one's own."""
from bench.report import Table


class Mine(Table):
    """Algorithms and seeds, nothing else."""

    def table(self, results):
        return results.trials[["algorithm", "seed"]]
'''


@pytest.fixture
def run(trained_run: Path, tmp_path: Path) -> Path:
    """A copy of the run."""
    return Path(shutil.copytree(trained_run, tmp_path / "run"))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> dict[str, PluginRef]:
    """Only these reports are installed; a page with all of them takes longer."""
    find = plugins.find
    installed = {name: find("report")[name] for name in ("index", "log_likelihood", "what_ran")}
    monkeypatch.setattr(plugins, "find", lambda kind: installed if kind == "report" else find(kind))
    return installed


@pytest.mark.usefixtures("few")
def test_a_browser_is_opened_with_the_page(
    bench: Bench, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Although --only and --format exclude the page."""
    browser, asked = tmp_path / "browser.py", tmp_path / "asked"
    browser.write_text(f"import sys\nopen({str(asked)!r}, 'w').write(sys.argv[1])\n")
    monkeypatch.setenv("BROWSER", f"{sys.executable} {browser} %s")
    monkeypatch.setattr("webbrowser._tryorder", None)  # it may have read BROWSER already
    bench("report", "run", "--only", "log_likelihood", "--format", "csv", "--open")
    page = run / "report" / "index.html"
    assert asked.read_text() == page.resolve().as_uri()
    assert "Which is better" in page.read_text()


@pytest.mark.usefixtures("few")
def test_without_a_browser_the_page_is_named(bench: Bench, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webbrowser._tryorder", [])
    monkeypatch.setattr("webbrowser._browsers", {})
    shown = bench("report", "run", "--only", "index", "--open").stderr
    assert f"open {Path('run/report/index.html')} yourself" in shown


def test_an_empty_run_has_no_page_to_open(bench: Bench, run: Path) -> None:
    shutil.rmtree(run / "trials")
    shown = bench("report", "run", "--open")
    assert "index: nothing to show yet" in shown.stdout
    assert "There is no page to open." in shown.stderr


def test_options_of_a_report_are_in_what_is_printed_and_in_its_name(bench: Bench, run: Path) -> None:
    shown = bench("report", "run", "--only", "convergence[target=-7.25],convergence", "--format", "csv").stdout
    assert "-7.25" in shown
    tables = {
        name: pd.read_csv(run / f"report/tables/{name}.csv") for name in ("convergence-target-7.25", "convergence")
    }
    assert set(tables["convergence-target-7.25"]["target"]) == {-7.25}
    assert set(tables["convergence"]["target"]) != {-7.25}


def test_a_report_of_ones_own(bench: Bench, run: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(MINE)
    shown = bench("report", "run", "--only", "./mine.py", "--format", "csv").stdout
    assert "Algorithms and seeds" in shown
    assert len(pd.read_csv(run / "report" / "tables" / "mine.csv")) == 20


def test_a_file_added_to_the_shipped_reports_is_one_of_them(run: Path, tmp_path: Path) -> None:
    """In a copy of the checkout, without another edit."""
    root, copy = Path(__file__).parents[2], tmp_path / "copy"
    for name in ("bench", "algorithms", "datasets", "reports"):
        shutil.copytree(root / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "reports" / "mine.py").write_text(MINE)

    def shown(*arguments: str) -> str:
        command = [sys.executable, "-m", "bench", *arguments]
        environment = {**os.environ, "PYTHONPATH": str(copy)}
        return subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=True).stdout

    assert "Algorithms and seeds" in shown("list", "reports")
    text = shown("report", str(run), "--only", "mine,index", "--format", "csv,html")
    assert "Algorithms and seeds" in text
    assert len(pd.read_csv(run / "report" / "tables" / "mine.csv")) == 20
    assert 'id="table-mine"' in (run / "report" / "index.html").read_text()


def test_a_report_that_cannot_be_loaded_leaves_the_others(
    bench: Bench, run: Path, tmp_path: Path, few: dict[str, PluginRef]
) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    few["broken"] = PluginRef("report", "broken", str(tmp_path / "broken.py"))
    shown = bench("report", "run", "--format", "html", code=3).stdout
    assert shown.count("broken could not be made") == 1
    assert "what_ran: run/report/tables/what_ran.html" in shown
    assert "broken could not be loaded: The report file" in (run / "report" / "index.html").read_text()


def test_a_table_is_not_said_to_be_empty_where_another_format_was_asked_for(bench: Bench, run: Path) -> None:
    shown = bench("report", "run", "--only", "what_ran,time_to_target", "--format", "png").stdout
    assert "what_ran: is made as csv, md, tex, html alone" in shown


@pytest.mark.usefixtures("few")
def test_several_runs_name_the_folder_in_their_command(bench: Bench, run: Path, tmp_path: Path) -> None:
    shutil.copytree(run, tmp_path / "other" / "run")
    bench("report", "run", "other/run", "run", "--only", "index", "--out", "both")
    text = (tmp_path / "both" / "index.html").read_text()
    assert "bench report run other/run --out both --only what_ran" in text
    assert "mcem (other/run)" in text  # two folders of one name are told apart by their paths


def test_an_estimate_of_some_of_the_points_stands_beside_no_other(bench: Bench, run: Path) -> None:
    path = next(run.glob("trials/*"))
    folder = TrialFolder(path)
    (record,) = folder.read_estimates()
    values = folder.read_estimate_values(record.estimator, record.split)
    folder.write_estimate(dataclasses.replace(record, num_failed=1), values)
    trials = pd.DataFrame(json.loads(bench("export", "run", "--format", "json").stdout))
    assert trials.loc[trials["log_likelihood_test"].isna(), "trial"].tolist() == [path.name]


def test_no_text_in_an_exported_file_is_a_formula(bench: Bench, run: Path, rewrite: Callable[..., None]) -> None:
    rewrite(next(run.glob("trials/*/status.json")), reason="=1+1")
    assert ",'=1+1," in bench("export", "run").stdout


def test_a_line_of_help_keeps_its_brackets(bench: Bench) -> None:
    assert "E[x|z]" in bench("list", "reports").stdout


@pytest.mark.parametrize("arguments", [(), ("--only", "log_likelihood", "--format", "csv")])
@pytest.mark.usefixtures("few")
def test_algorithms_that_were_tuned_in_different_ways_are_named_beside_the_tables(
    bench: Bench, trained_run: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    shown = bench("report", trained_run, *arguments, "--out", tmp_path / "made").stdout
    ways = "(aevb[learning_rate=0.05]: given; mcem: paper[samples=500])"
    assert shown.count(f"Warning: Algorithms were tuned in different ways {ways}") == 1


NOT_IMPORTED = """
import sys
from bench.cli import main

sys.argv = ["bench", "report", sys.argv[1], "--only", "log_likelihood,convergence_samples", "--out", sys.argv[2]]
try:
    main()
finally:
    print([name for name in ("torch", "scipy.optimize", "scipy.stats", "seaborn") if name in sys.modules])
"""


def test_what_shows_no_model_is_made_without_torch(run: Path, tmp_path: Path) -> None:
    """Each of these takes longer to import than such a table or figure to make."""
    command = [sys.executable, "-c", NOT_IMPORTED, str(run), str(tmp_path / "out")]
    finished = subprocess.run(command, capture_output=True, text=True, check=True)
    assert finished.stdout.endswith("\n[]\n")
    assert len([*(tmp_path / "out" / "figures").iterdir()]) == 3
