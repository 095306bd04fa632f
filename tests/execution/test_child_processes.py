"""No process that foreign code has started outlives its worker, whatever its parent and its session are."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from cloudpickle import register_pickle_by_value

from bench.execution.backend import Workers
from bench.execution.backends import loky
from bench.execution.backends.loky import Loky

register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")

FOREVER = 1000


def child(folder: str) -> None:
    """In a session of its own."""
    process = subprocess.Popen([sys.executable, "-c", f"import time; time.sleep({FOREVER})"], start_new_session=True)
    Path(folder, str(process.pid)).touch()


def fork(folder: str) -> None:
    """It holds all pipes of its parent open."""
    if os.fork() == 0:
        Path(folder, str(os.getpid())).touch()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(FOREVER)


def daemon(folder: str) -> None:
    """Twice forked: its parent has ended."""
    first = os.fork()
    if first == 0:
        os.setsid()
        fork(folder)
        os._exit(0)
    os.waitpid(first, 0)


def wait_for_one(folder: str) -> None:
    while not os.listdir(folder):  # noqa: PTH208  # names alone
        time.sleep(0.01)


def then_end(task: tuple[Callable[[str], None], str]) -> None:
    """As a task does that ends well."""
    task[0](task[1])
    wait_for_one(task[1])


def then_die(task: tuple[Callable[[str], None], str]) -> None:
    then_end(task)
    os.kill(os.getpid(), signal.SIGKILL)


def then_hang(task: tuple[Callable[[str], None], str]) -> None:
    then_end(task)
    time.sleep(FOREVER)


@pytest.mark.parametrize(
    ("start", "end", "fate"),
    [
        (child, then_end, "result"),
        (daemon, then_end, "result"),
        (fork, then_die, "died"),
        (daemon, then_die, "died"),
        (daemon, then_hang, "timed_out"),
    ],
)
def test_no_process_outlives_its_worker(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    start: Callable[[str], None],
    end: Callable[[tuple[Callable[[str], None], str]], None],
    fate: str,
) -> None:
    monkeypatch.setattr(loky, "ATTEMPTS", 1)
    began = time.monotonic()
    with Loky() as backend:
        limit = 0.5 if end is then_hang else 20.0
        (outcome,) = backend.run(end, [(start, str(tmp_path))], Workers(time_limit=limit))
    assert ("died" if outcome.died else "timed_out" if outcome.timed_out else "result") == fate
    (started,) = (int(path.name) for path in tmp_path.iterdir())
    while is_alive(started) and time.monotonic() - began < 20:  # what is killed needs a moment for ending
        time.sleep(0.01)
    assert time.monotonic() - began < 20


def is_alive(process: int) -> bool:
    """Whether it runs: neither gone nor a zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"
