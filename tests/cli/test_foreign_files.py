"""A user's file that ends, hangs or leaves the process that runs it does not take the command with it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execution.backends import loky

Bench = Callable[..., subprocess.CompletedProcess[str]]

BLOBS = (Path(__file__).parent.parent / "plugins" / "blobs.py").read_text()
SMALL = ["--algos", "aevb[learning_rate=0.1]", "--seeds", "1", "--budget", "200", "--hidden", "5", "--jobs", "1"]
SMALL += ["--likelihood", "importance[num_samples=5]", "--likelihood-points", "5", "--device", "cpu", "--out", "run"]
LOAD = '        """200 training and 50 test points of 12 pixels."""\n'


@pytest.fixture(autouse=True)
def one_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """A second one costs time alone."""
    monkeypatch.setattr(loky, "ATTEMPTS", 1)


def write(folder: Path, *, on_import: str = "", on_load: str = "") -> None:
    text = BLOBS.replace("import torch\n", f"import os\nimport torch\n{on_import}\n", 1)
    (folder / "mine.py").write_text(text.replace(LOAD, f"{LOAD}        {on_load}\n") if on_load else text)


def test_a_data_set_that_ends_its_process_is_one_message(bench: Bench, tmp_path: Path) -> None:
    write(tmp_path, on_load="os._exit(0)")
    shown = bench("run", *SMALL, "--dataset", "./mine.py", code=2).stderr
    assert "Error: Cannot load the data set './mine.py': The worker process died" in shown
    assert not (tmp_path / "run").exists()


def test_a_data_set_that_leaves_is_one_message(bench: Bench, tmp_path: Path) -> None:
    write(tmp_path, on_load="raise SystemExit(0)")
    shown = bench("run", *SMALL, "--dataset", "./mine.py", "--backend", "sequential", code=2).stderr
    assert f"Error: Cannot load the data set './mine.py': SystemExit: 0 ({tmp_path / 'mine.py'}, line" in shown


def test_the_command_itself_never_imports_a_file_of_the_user(bench: Bench, tmp_path: Path) -> None:
    """What it would do there, to signals and exit handlers for instance, could not be undone."""
    write(tmp_path)
    (tmp_path / "mine.py").rename(tmp_path / "never_imported_here.py")
    bench("run", *SMALL, "--dataset", "./never_imported_here.py")
    assert not [name for name in sys.modules if "never_imported_here" in name]
    write(tmp_path, on_import="os._exit(0)")
    shown = bench("estimate", "run", "--likelihood", "./mine.py", "--jobs", "1", code=2).stderr
    assert f"Error: Cannot import the estimator file {tmp_path / 'mine.py'}: The worker process died" in shown
