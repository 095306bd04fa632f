"""The real command line, in a folder of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.cli import main

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Call ``bench`` with arguments in ``tmp_path``; it must not show a traceback, whatever happens."""

    def call(*arguments: object, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        finished = subprocess.run(
            [sys.executable, "-m", "bench", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1", **environment},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        assert "Traceback" not in finished.stderr, finished.stderr
        assert finished.returncode == code, f"exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}"
        return finished

    return call


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bench:
    """The same in this process, for requests that end before anything is trained: it saves the start of a process."""

    def call(*arguments: object, code: int = 0) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(sys, "argv", ["bench", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        shown = capsys.readouterr()
        assert left.value.code == code, f"exit code {left.value.code}\n{shown.out}\n{shown.err}"
        return subprocess.CompletedProcess(sys.argv, code, shown.out, shown.err)

    return call
