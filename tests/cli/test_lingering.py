"""What a plugin leaves behind does not keep the command, whose exit code is that of its trials."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bench.execution.backends import loky

Bench = Callable[..., subprocess.CompletedProcess[str]]

PLUGINS = Path(__file__).parent.parent / "plugins"
SMALL = ["--dataset", str(PLUGINS / "blobs.py"), "--seeds", "1", "--budget", "200", "--hidden", "5", "--device", "cpu"]
SMALL += ["--likelihood", "importance[num_samples=5]", "--likelihood-points", "5", "--jobs", "1", "--out", "run"]
LINGERING = PLUGINS / "lingering.py"
SIGN = b"LINGERING_TEST"  # in the environment of the command, and so of all that it starts
SECONDS = 60.0  # for all of it, on a busy machine; what lingers sleeps for 1000 s


def alive() -> list[str]:
    """The command lines of the processes with the sign, but for trackers of resources, which end by themselves.

    Zombies have no environment.
    """
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            command = path.with_name("cmdline").read_text()
            if SIGN in path.read_bytes() and "resource_tracker" not in command:
                found.append(command)
        except OSError:
            continue
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
def test_nothing_is_left_of_a_run(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SIGN.decode(), "1")
    monkeypatch.setattr(loky, "ATTEMPTS", 1)  # a second one costs time alone
    ways = ["thread+exit+child+session+pool+daemon+stubborn", "fork+daemon+die"]
    algos = ",".join(f"{LINGERING}[how={way}]" for way in ways)
    started = time.monotonic()
    bench("run", *SMALL, "--algos", algos, code=3)
    assert time.monotonic() - started < SECONDS
    assert alive() == []
    rows = json.loads(bench("export", "run", "--format", "json").stdout)
    assert [row["status"] for row in rows] == ["done", "crashed"]


FILE = '''"""Leaves a thread and an exit handler behind."""
import atexit, threading, time
from bench.execution.backends.sequential import Sequential

threading.Thread(target=time.sleep, args=(1000,)).start()
atexit.register(time.sleep, 1000)


class Mine(Sequential):
    """Like another one."""
'''


def test_threads_and_exit_handlers_do_not_keep_the_command(process: Bench, tmp_path: Path) -> None:
    """Of a plugin that runs in the command's own process, as some do by request."""
    (tmp_path / "mine.py").write_text(FILE)
    started = time.monotonic()
    finished = process("show", "./mine.py")
    assert time.monotonic() - started < SECONDS
    assert "A plugin's threads or exit handlers have not ended after 5 s" in finished.stderr
    assert "Like another one." in finished.stdout
