"""The real command line, in a temporary folder."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from bench.cli import main

Bench = Callable[..., subprocess.CompletedProcess[str]]


def call(folder: Path, *arguments: object) -> object:
    """Call ``bench`` in a folder, in this process, which is quicker than a new one; returns the exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("COLUMNS", "200")
        patch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
    gc.enable()  # which commands disable until they end
    return left.value.code


@pytest.fixture(scope="session")
def train() -> Callable[..., None]:
    """``train(folder, "run", ...)``, for runs that the tests of a file share."""

    def finished(folder: Path, *arguments: object) -> None:
        assert call(folder, *arguments) == 0

    return finished


@pytest.fixture
def bench(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Bench:
    """Call ``bench`` with arguments in ``tmp_path``, and return what it printed."""

    def shown(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        ended = call(tmp_path, *arguments)
        out, err = capsys.readouterr()
        assert ended == code, f"exit code {ended}\n{out}\n{err}"
        return subprocess.CompletedProcess(["bench", *map(str, arguments)], code, out, err)

    return shown


def start(
    folder: Path, *arguments: object, code: int | None = 0, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Start ``bench`` in a folder, in a new process, as users do; it must not print a traceback.

    Any exit code is right if ``code`` is None.
    """
    finished = subprocess.run(
        [sys.executable, "-m", "bench", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", **environment},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "Traceback" not in finished.stderr, finished.stderr
    assert code in (None, finished.returncode), f"exit {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
    return finished


@pytest.fixture(scope="session")
def launch() -> Bench:
    """``launch(folder, "run", ...)`` starts a process, for runs that the tests of a file share."""
    return start


@pytest.fixture
def no_figures(monkeypatch: pytest.MonkeyPatch) -> None:
    """`bench run` and `bench estimate` draw none at their end, which takes longer than a small trial."""
    from bench.cli import terminal

    monkeypatch.setattr(terminal, "QUICK_FORMATS", ("csv", "md"))


@pytest.fixture
def process(tmp_path: Path) -> Bench:
    """Start ``bench`` with arguments in ``tmp_path``, in a new process, which takes several seconds."""
    return partial(start, tmp_path)
