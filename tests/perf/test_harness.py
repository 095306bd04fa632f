"""What a trial costs beyond its updates and estimates, and a command that finds nothing to do (`tox -e perf`)."""

from __future__ import annotations

import os
import runpy
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.execution import loaded
from bench.execution.runner import Task, _execute
from bench.execution.settings import Settings
from bench.store.records import Status
from bench.studies.study import Study

make = runpy.run_path(str(Path(__file__).with_name("many_trials.py")))["make"]

OWN_SECONDS = 0.05  # of processor time
MEGABYTES = 1000


@pytest.fixture
def trials(tmp_path: Path) -> Iterator[Any]:
    """Runs trials of one update on the digits, one after the other, as a worker does; returns nothing."""
    study = Study(algos=("aevb[learning_rate=0.02]",), z=(2,), hidden=10, seeds=tuple(range(400)), budget=1)
    data = study.load_data()
    settings = Settings(budget=1, estimators=(), eval_points=1, diagnose=False, data_version=data.fingerprint())
    specs = iter(study.expand(data))

    def run() -> None:
        spec = next(specs)
        task = Task(tmp_path / "run", spec, settings)
        task.folder.write_spec(spec)
        _execute(task)
        assert task.folder.read_status().status is Status.DONE

    run()  # imports what only a trial imports
    yield run
    loaded.forget()


def test_own_cost_of_a_trial(benchmark: Any, trials: Any) -> None:
    """Data, provenance, set-up, status, checkpoint, weights: all but estimates and a diagnosis."""
    benchmark.pedantic(trials, rounds=50)


@pytest.mark.timing
def test_a_trial_has_little_to_do_beside_its_updates(trials: Any) -> None:
    """In processor time: wall-clock time depends on the disk.  Each of three looks is at ten trials."""
    looks = []
    for _ in range(3):
        started = time.process_time()
        for _ in range(10):
            trials()
        looks.append((time.process_time() - started) / 10)
    assert min(looks) <= OWN_SECONDS


def nothing_to_do(run: Path) -> None:
    command = [sys.executable, "-m", "bench", "run", str(run / "study.toml"), "--out", str(run)]
    finished = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "Nothing to do" in finished.stderr


def test_nothing_to_do_among_110(benchmark: Any, tmp_path: Path) -> None:
    """The whole command, with its tables; the figure was drawn at the end of the one before."""
    run = make(tmp_path / "run", seeds=110, algos=("aevb[learning_rate=0.01]",), z=(2,))
    nothing_to_do(run)
    benchmark.pedantic(lambda: nothing_to_do(run), rounds=2)


@pytest.mark.slow
def test_nothing_to_do_among_5000(benchmark: Any, tmp_path: Path) -> None:
    """Likewise, and within a gigabyte of memory."""
    run = make(tmp_path / "run", seeds=167)
    nothing_to_do(run)
    benchmark.pedantic(lambda: nothing_to_do(run), rounds=2)
    command = [sys.executable, "-m", "bench", "run", str(run / "study.toml"), "--out", str(run)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    assert used.ru_maxrss / 1000 < MEGABYTES
