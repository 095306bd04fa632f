"""A sweep that is killed again and again ends as if nobody had touched it, and leaves no process behind."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from pandas.testing import assert_frame_equal

import bench
from bench.execution.execution import Execution
from bench.store.run_folder import Store

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
SWEEPS, KILLS = 2, 15  # sweeps, and kills of each: thirty in all
PATIENCE = 240  # seconds, for what takes some on an idle machine
ERRORS = "errors.txt"  # of the command that was started last
EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143, "SIGHUP": 129, "SIGKILL": -9}
STUDY: dict[str, Any] = {
    "algos": "aevb,mcem[batch_size=100,learning_rate=0.05]",
    "dataset": BLOBS,
    "z": 2,
    "seeds": 2,
    "hidden": 20,
    "budget": 7_500,
    "tune": "paper[samples=500]",
    "likelihood": "importance[num_samples=20]",
    "likelihood_points": 20,
}
COMMAND = [
    sys.executable, "-m", "bench", "run", "--algos", STUDY["algos"], "--dataset", BLOBS, "--z", "2", "--seeds", "2",
    "--hidden", "20", "--budget", "7500", "--likelihood", STUDY["likelihood"], "--likelihood-points", "20",
    "--tune", STUDY["tune"], "--checkpoint", "0.2s", "--device", "cpu",
]  # fmt: skip


@pytest.fixture
def heeded_interrupts() -> Iterator[None]:
    """A shell starts what runs in the background with SIGINT ignored, and processes inherit that."""
    earlier = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, earlier)


@pytest.fixture(scope="session")
def whole(shared_folder: Path) -> bench.Results:
    """The sweep that nobody touches; the processes of a parallel run share it."""
    out = shared_folder / "whole-sweep"
    with FileLock(shared_folder / "whole-sweep.lock"):
        if not out.exists():
            bench.run(out=out, execution=Execution(backend="sequential", device="cpu"), quiet=True, **STUDY)
    return bench.load(out)


@pytest.mark.usefixtures("heeded_interrupts")
@pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")
@pytest.mark.parametrize("sweep", range(SWEEPS))
def test_thirty_kills_change_nothing(whole: bench.Results, sweep: int, tmp_path: Path) -> None:
    """Fifteen in each of two sweeps, which may run at once on two cores."""
    rng, kills = random.Random(sweep), Counter[str]()  # noqa: S311  # no secret
    while kills.total() < KILLS:
        with started(tmp_path / "killed", jobs=rng.choice("12")) as parent:
            while parent.poll() is None and kills.total() < KILLS:
                with suppress(Ended):
                    moment = rng.choice(MOMENTS)
                    moment(parent, tmp_path / "killed", rng)
                    kills[f"{kill(parent, tmp_path / ERRORS, rng)} {moment.__name__}"] += 1
            parent.wait(PATIENCE)
        assert parent.returncode in (0, 3, *EXIT_CODES.values(), -signal.SIGINT, -signal.SIGTERM, -signal.SIGHUP)
    with started(tmp_path / "killed") as parent:
        assert parent.wait(PATIENCE) == 0
    print(dict(kills))  # noqa: T201  # shown by pytest -rP
    assert_equal(whole, bench.load(tmp_path / "killed"))


TARGETS = ("worker", "parent", "both")
SIGNALS = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")


class Ended(Exception):
    """The command has ended by itself."""


def at_some_time(parent: subprocess.Popen[bytes], out: Path, rng: random.Random) -> None:
    """Mostly while processes start and the command plans."""
    wait(parent, rng.uniform(0.1, 2.5))


def after_some_write(parent: subprocess.Popen[bytes], out: Path, rng: random.Random) -> None:
    """A moment after a file of a trial has changed: while one trains, estimates, ends or writes the next file."""
    before = files(out)
    while files(out) == before:
        wait(parent, 0.005)
    wait(parent, rng.uniform(0, 0.5))


MOMENTS = (at_some_time, after_some_write)


def wait(parent: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait; raises Ended if the command ends meanwhile."""
    with suppress(subprocess.TimeoutExpired):
        parent.wait(seconds)
        raise Ended


def files(out: Path) -> dict[Path, int]:
    """When each file of the trials was written."""
    found = {}
    for path in out.glob("trials/*/*"):
        with suppress(OSError):
            found[path] = path.stat().st_mtime_ns
    return found


def started(out: Path, jobs: str = "2") -> subprocess.Popen[bytes]:
    """The command, in a process group of its own."""
    with (out.parent / ERRORS).open("wb") as errors:
        return subprocess.Popen(
            [*COMMAND, "--jobs", jobs, "--out", str(out)],
            stdout=subprocess.DEVNULL,
            stderr=errors,
            start_new_session=True,
        )


def kill(parent: subprocess.Popen[bytes], errors: Path, rng: random.Random) -> str:
    """Send a signal to the command, to one of its workers, or to both; afterwards nothing runs that should not."""
    target, name = rng.choice(TARGETS), rng.choice(SIGNALS)
    number, workers = getattr(signal, name), children(parent.pid)
    victims = ([rng.choice(workers)] if workers and target != "parent" else []) + (
        [parent.pid] if target != "worker" or not workers else []
    )
    for victim in victims:
        os.kill(victim, number)
    if parent.pid in victims:
        # Before Python listens the signal kills it, and one that arrives when all is done comes too late.
        assert parent.wait(60) in (EXIT_CODES[name], -number, 0), errors.read_text(errors="replace")
        deadline = time.monotonic() + 20
        while any(map(is_alive, workers)) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert not any(map(is_alive, workers))
    return f"{target} {name}"


def children(process: int) -> list[int]:
    """The worker processes: not the trackers of resources, which end by themselves."""
    others = [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]
    return [
        each for each in others if stat(each)[1:2] == [str(process)] and "resource_tracker" not in command_line(each)
    ]


def stat(process: int) -> list[str]:
    """The state of a process, its parent and more; empty if it is gone."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def command_line(process: int) -> str:
    try:
        return Path(f"/proc/{process}/cmdline").read_text(errors="replace")
    except OSError:
        return ""


def is_alive(process: int) -> bool:
    """Whether it runs: neither gone nor a zombie."""
    return stat(process)[:1] not in ([], ["Z"])


def assert_equal(one: bench.Results, other: bench.Results) -> None:
    """In everything but seconds: traces, estimates and weights, bit for bit."""
    for name in ("trials", "trace", "likelihoods"):
        frames = [getattr(results, name) for results in (one, other)]
        kept = [column for column in frames[0] if not is_of_this_run(column)]
        assert_frame_equal(*(frame[kept].reset_index(drop=True) for frame in frames), check_exact=True)
    weights = [
        {each.folder.path.name: each.folder.read_model() for each in Store(r.path).read().trials} for r in (one, other)
    ]
    assert weights[0].keys() == weights[1].keys()
    for trial, tensors in weights[0].items():
        assert all(torch.equal(tensor, weights[1][trial][name]) for name, tensor in tensors.items())


def is_of_this_run(column: str) -> bool:
    """Whether it says how fast or by what the numbers were made."""
    return "seconds" in column or column in ("cpu_share", "jobs", "threads", "started", "ended", "samples_per_second")
