"""How commands end: exit codes, closed pipes, and encodings that lack characters."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest

from bench.cli.endings import code_of
from bench.cli.signals import Stopped
from bench.errors import OptionError

Bench = Callable[..., subprocess.CompletedProcess[str]]

CLOSED = 141
CRASHED = 70
ENVIRONMENT = {**os.environ, "COLUMNS": "200", "OMP_NUM_THREADS": "1"}


def raises(error: BaseException) -> Callable[[], object]:
    def command() -> object:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (RuntimeError("a bug"), CRASHED, "please report"),
        (KeyError("a bug"), CRASHED, "please report"),
        (RecursionError(), CRASHED, "please report"),
        (SystemExit(1), CRASHED, "please report"),
        (SystemExit(0), CRASHED, "please report"),
        (EOFError(), CRASHED, "please report"),
        (OptionError("`z` must be 1."), 2, "Error: `z` must be 1."),
        (click.ClickException("no"), 2, "Error: no"),
        (PermissionError(13, "Permission denied", "/x/\x1b[31my"), 2, r"Error: '/x/\x1b[31my' cannot be read or writ"),
        (OSError(28, "No space left on device"), 2, "the output cannot be written (No space left on device)"),
        (KeyboardInterrupt(), 130, "Interrupted"),
    ],
)
def test_only_a_comparison_ends_with_1(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, words: str
) -> None:
    assert code_of(raises(error)) == code
    shown = capsys.readouterr().err
    assert words in shown
    assert ("Traceback" in shown) == (code == CRASHED)


def test_an_interrupt_that_python_has_put_another_exception_around_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    """One that arrives while a class is made, as in imports, where CPython up to 3.11 raises a RuntimeError from it."""

    class Interrupting:
        def __set_name__(self, owner: type, name: str) -> None:
            raise Stopped(signal.SIGTERM)

    def command() -> None:
        try:
            type("Made", (), {"attribute": Interrupting()})
        except Stopped as stop:  # later versions of CPython leave it as it is
            raise RuntimeError("Error calling __set_name__") from stop

    assert code_of(command) == 143
    assert "Interrupted" in capsys.readouterr().err


def test_a_command_returns_its_code() -> None:
    assert [code_of(lambda: 1), code_of(lambda: 3), code_of(lambda: None)] == [1, 3, 0]


def closed(folder: Path, *arguments: object) -> tuple[int, str]:
    """The exit code and the error stream of a command whose standard output nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb") as out:
        command = [sys.executable, "-m", "bench", *map(str, arguments)]
        ended = subprocess.run(
            command, cwd=folder, env=ENVIRONMENT, stdout=out, stderr=subprocess.PIPE, text=True, check=False
        )
    return ended.returncode, ended.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["list"]])
def test_a_closed_pipe_ends_a_command(tmp_path: Path, arguments: list[str]) -> None:
    assert closed(tmp_path, *arguments) == (CLOSED, "")


@pytest.mark.parametrize("command", [["compare", "run"], ["export"], ["report", "--only", "log_likelihood"]])
def test_a_closed_pipe_is_no_regression(trained_run: Path, tmp_path: Path, command: list[str]) -> None:
    shutil.copytree(trained_run, tmp_path / "run")
    code, shown = closed(tmp_path, *command, "run")
    assert code == CLOSED
    assert "Traceback" not in shown
    if command[0] == "report":  # what was computed is kept
        assert (tmp_path / "run" / "report" / "tables" / "log_likelihood.csv").is_file()


def test_training_goes_on_if_nobody_reads_its_progress(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    asked = ["--algos", "aevb[learning_rate=0.02]", "--seeds", "1", "--budget", "200", "--hidden", "5"]
    asked += ["--likelihood", "importance[num_samples=5]", "--likelihood-points", "5", "--backend", "sequential"]
    with os.fdopen(writing, "wb") as err:
        command = [sys.executable, "-m", "bench", "run", *asked, "--out", "run"]
        ended = subprocess.run(command, cwd=tmp_path, env=ENVIRONMENT, stdout=subprocess.PIPE, stderr=err, check=False)
    assert ended.returncode == 0
    assert b"log_likelihood.csv" in ended.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs Linux's /dev/full")
def test_a_full_disk_behind_the_output_is_one_message(tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        command = [sys.executable, "-m", "bench", "list"]
        ended = subprocess.run(
            command, cwd=tmp_path, env=ENVIRONMENT, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (ended.returncode, ended.stderr) == (
        2,
        "Error: the output cannot be written (No space left on device).\n",
    )


WITH_SIGNS = """
'Writes a sign.'

import pandas as pd

from bench import Table


class Signs(Table):
    'Writes a sign.'

    def table(self, results):
        return pd.DataFrame({"mean": ["1 ± 2", "3 ± 4"]})
"""


@pytest.mark.parametrize(
    ("encoding", "arguments", "words"),
    [
        ("ascii", ["report", "run", "--only", "./signs.py", "--format", "md"], "1 +/- 2"),
        ("latin-1", ["report", "run", "--only", "./signs.py", "--format", "md"], "1 ± 2"),
        ("ascii", ["compare", "run", "run"], "No evidence of any change"),
    ],
)
def test_characters_that_the_output_lacks_are_replaced(
    trained_run: Path, tmp_path: Path, encoding: str, arguments: list[str], words: str
) -> None:
    shutil.copytree(trained_run, tmp_path / "run")
    (tmp_path / "signs.py").write_text(WITH_SIGNS, encoding="utf-8")
    command = [sys.executable, "-m", "bench", *arguments]
    environment = {**ENVIRONMENT, "PYTHONIOENCODING": encoding}
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert words in ended.stdout.decode(encoding)


def test_a_report_that_leaves_the_process_is_no_regression(bench: Bench, trained_run: Path, tmp_path: Path) -> None:
    lines = ['"""Leaves."""', "from bench import Table", "class Leaves(Table):", '    """Leaves."""']
    lines += ["    def table(self, results):", "        raise SystemExit(1)"]
    (tmp_path / "leaves.py").write_text("\n".join(lines))
    shutil.copytree(trained_run, tmp_path / "run")
    assert "please report" in bench("report", "run", "--only", "./leaves.py", code=CRASHED).stderr


LATE = """
import os, signal, time
from bench.cli.leaving import leave

class Slow:
    def __del__(self, sleep=time.sleep):
        sleep(1.5)

slow = Slow()
signal.signal(signal.SIGALRM, lambda *_: os._exit(130))
signal.alarm(1)
leave(130)
"""


def test_the_alarm_of_an_interrupt_does_not_end_a_process_that_is_ending() -> None:
    """Python has no handlers any more then: its exit code would be that of the alarm."""
    assert subprocess.run([sys.executable, "-c", LATE], check=False).returncode == 130
