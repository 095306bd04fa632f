"""The commands around a run: list, show, report, export, help."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bench as library
from bench.algorithms import aevb

PLUGINS = Path(__file__).parent.parent / "plugins"
BLOBS = str(PLUGINS / "blobs.py")

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, train: Callable[..., None]) -> Path:
    """A small finished run, shared by the tests."""
    asked = (
        *("run", "--dataset", BLOBS, "--z", "2", "--budget", "1000", "--seeds", "1"),
        *("--algos", "aevb[learning_rate=0.05],mcem", "--likelihood", "importance[num_samples=20]", "--out", "run"),
        *("--tune", "paper[samples=200]"),
    )
    folder = tmp_path_factory.mktemp("finished")
    train(folder, *asked, "--backend", "sequential")
    return folder / "run"


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.mark.timing
def test_help_is_quick() -> None:
    assert any(_seconds([sys.executable, "-m", "bench", "--help"]) < 0.4 for _ in range(3))


def test_help_imports_neither_torch_nor_pandas() -> None:
    code = (
        "import sys; sys.argv = ['bench', '--help']\nfrom bench.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    )
    check = code + "print([name for name in ('torch', 'pandas', 'numpy', 'rich') if name in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True).stdout
    assert shown.strip().endswith("[]")


def _seconds(command: list[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)
    return time.perf_counter() - started


@pytest.mark.parametrize("command", ["run", "report", "list", "show", "export"])
def test_every_command_has_help(bench: Bench, command: str) -> None:
    assert "Usage: " in bench(command, "--help").stdout
    assert command in bench("--help").stdout


def test_list_names_everything_with_a_line_of_help(bench: Bench) -> None:
    shown = bench("list").stdout
    for name in (
        "aevb",
        "wakesleep",
        "mcem",
        "deep",
        "digits",
        "mnist",
        "freyface",
        "ppca",
        "file",
        "mlp",
        "linear",
        "importance",
        "hmc",
    ):
        (line,) = [line for line in shown.splitlines() if line.split()[:1] == [name]]
        assert len(line.split()) > 4
    assert "aevb" not in bench("list", "datasets").stdout


def test_show_tells_options_units_defaults_and_source(bench: Bench) -> None:
    shown = bench("show", "mcem").stdout
    for words in ("num_leapfrog", "10", "0.9", "datapoints", "0.01, 0.02, 0.1", "appendix E", "Cost"):
        assert words in shown
    assert "importance samples" in bench("show", str(PLUGINS / "mine.py")).stdout
    assert "dropout keeps" in bench("show", "deep").stdout


def test_shown_examples_can_be_copied_and_the_options_stand_apart() -> None:
    """In a pipe, at 80 columns."""
    command = [sys.executable, "-m", "bench", "show", "aevb"]
    environment = {**os.environ, "COLUMNS": "80"}
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    lines = [line.rstrip() for line in output.splitlines()]
    source = Path(aevb.__file__).read_text(encoding="utf-8").splitlines()
    examples = [line.strip() for line in source if line.strip().startswith(">>>")]
    assert max(map(len, examples)) > 80
    assert {line.strip() for line in lines} >= {*examples}
    (heading,) = (i for i, line in enumerate(lines) if line.split()[:2] == ["option", "default"])
    assert lines[heading - 1] == ""
    assert any(line.startswith("Cost of a step: ") for line in lines)


def test_docstrings_are_shown_reflowed_and_without_backticks(bench: Bench) -> None:
    for name in ("mcem", "aevb", "importance", "mnist", "loky", "aevb-fig2"):
        assert "`" not in bench("show", name).stdout
    assert "`" not in bench("list").stdout
    lines = bench("show", "mcem").stdout.splitlines()
    assert max(map(len, lines)) > 150  # COLUMNS is 200, and lines of the source have 120 characters at most


def test_show_tells_the_kind_of_a_users_file(bench: Bench, tmp_path: Path) -> None:
    file = tmp_path / "sum.py"
    file.write_text("from bench.report import Table\n\nclass Sum(Table):\n    '''All of it.'''\n    table = None\n")
    shown = bench("show", str(file)).stdout
    assert "sum (report, " in shown
    assert "All of it." in shown
    file.write_text("x = 1\n")
    assert "must define a plugin" in bench("show", str(file), code=2).stderr


def test_export_gives_the_same_table_in_every_format(bench: Bench, run: Path, tmp_path: Path) -> None:
    trials = library.load(run).trials
    csv = pd.read_csv(io.StringIO(bench("export", "run").stdout))
    as_json = pd.DataFrame(json.loads(bench("export", "run", "--format", "json").stdout))
    bench("export", "run", "-o", "trials.parquet")
    parquet = pd.read_parquet(tmp_path / "trials.parquet")
    for table in (csv, as_json, parquet):
        assert list(table.columns) == list(trials.columns)
        assert list(table["algorithm"]) == ["aevb[learning_rate=0.05]", "mcem"]
        assert table["log_likelihood_test"].tolist() == pytest.approx(trials["log_likelihood_test"].tolist(), rel=1e-9)
    traces = pd.read_csv(io.StringIO(bench("export", "run", "--what", "trace").stdout))
    assert len(traces) == len(library.load(run).trace)
    bench("export", "run", "--what", "likelihoods", "-o", "l.csv")
    assert len(pd.read_csv(tmp_path / "l.csv")) == 2


@pytest.mark.parametrize("name", ["trials.csv", "trials.CSV", "trials.json"])
def test_a_file_that_ends_in_gz_is_compressed(bench: Bench, run: Path, tmp_path: Path, name: str) -> None:
    bench("export", "run", "-o", name)
    bench("export", "run", "-o", f"{name}.gz")
    assert gzip.decompress((tmp_path / f"{name}.gz").read_bytes()) == (tmp_path / name).read_bytes()


def test_promised_columns_are_there(run: Path) -> None:
    results = library.load(run)
    common = {"trial", "algorithm", "dataset", "z", "n_train", "seed"}
    clocks = {"samples", "updates", "model_evaluations", "train_seconds", "eval_seconds", "elbo_train", "elbo_test"}
    trials = "status reason samples train_seconds elbo_train elbo_test log_likelihood_test log_likelihood_test_se"
    assert common | clocks <= set(results.trace.columns)
    assert common | {*trials.split(), *["estimator", "samples_per_second", "jobs", "threads", "device"]} <= set(
        results.trials.columns
    )
    promised = "estimator split log_likelihood log_likelihood_se bias model_evaluations seconds"
    assert common | set(promised.split()) <= set(results.likelihoods.columns)


def test_report_is_made_again_from_what_is_on_disk(bench: Bench, run: Path, tmp_path: Path) -> None:
    for path in (run / "report").rglob("*.*"):
        path.unlink()
    shown = bench("report", "run").stdout
    written = {path.suffix for path in (run / "report").rglob("*.*")}
    assert {".csv", ".md", ".tex", ".html", ".png", ".svg", ".pdf"} <= written
    assert "aevb[learning_rate=0.05]" in shown


def test_the_python_interface_does_the_same(tmp_path: Path, run: Path) -> None:
    asked = {"dataset": BLOBS, "z": [2], "budget": 1000, "seeds": [0], "likelihood": ["importance[num_samples=20]"]}
    asked |= {"algos": ["aevb[learning_rate=0.05]", "mcem"], "tune": "paper[samples=200]"}
    results = library.run(out=tmp_path / "api", quiet=True, **asked)
    one, two = (r.trials.set_index("trial")["log_likelihood_test"].sort_index() for r in (results, library.load(run)))
    pd.testing.assert_series_equal(one, two, check_exact=True)
