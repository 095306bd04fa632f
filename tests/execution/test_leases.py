"""Devices are held by processes, none is shared by accident, and none stays held by a process that has ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cloudpickle
import pytest
import torch

from bench import devices
from bench.execution import leases
from bench.execution.backend import Workers
from bench.execution.backends.loky import Loky
from bench.execution.worker_process import WorkerProcess

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests

HOLDER = Path(__file__).with_name("holder.py")
TWO = "cuda:0,cuda:1"

Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """``start(names, per_device=1)`` is a process that takes a device, and says which; see `holder`."""
    started: list[subprocess.Popen[str]] = []

    def one(names: str, per_device: int = 1, *rounds: int) -> subprocess.Popen[str]:
        arguments = [sys.executable, HOLDER, tmp_path, names, per_device, *rounds]
        process = subprocess.Popen(
            list(map(str, arguments)), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            env={**os.environ, "TMPDIR": str(tmp_path)},
        )  # fmt: skip
        started.append(process)
        return process

    yield one
    for process in started:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            assert stream is not None
            stream.close()


def says(process: subprocess.Popen[str]) -> str:
    """Its next word."""
    assert process.stdout is not None
    return process.stdout.readline().strip()


def let_go(process: subprocess.Popen[str]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait()


def test_a_device_has_one_holder_and_the_next_waits_for_the_first_that_is_free(start: Start) -> None:
    first = start(TWO)
    held = [says(first)]
    second = start(TWO)
    held.append(says(second))
    assert held == ["cuda:0", "cuda:1"]
    third = start(TWO)
    assert says(third) == "waits"
    let_go(second)
    assert says(third) == "cuda:1"


def test_as_many_share_a_device_as_may_and_the_least_used_is_taken(start: Start) -> None:
    holders = [start(TWO, 2) for _ in range(2)]
    assert {says(each) for each in holders} == set(TWO.split(","))
    holders += [start(TWO, 2) for _ in range(2)]
    assert {says(each) for each in holders[2:]} == set(TWO.split(","))
    fifth = start(TWO, 2)
    assert says(fifth) == "waits"
    let_go(holders[0])
    assert says(fifth).startswith("cuda:")


@pytest.mark.parametrize(("first", "second"), [(1, 2), (2, 1)])
def test_whoever_wants_a_device_alone_has_it_alone(start: Start, first: int, second: int) -> None:
    """Whatever other commands allow."""
    holder, other = start("cuda:0", first), None
    assert says(holder) == "cuda:0"
    other = start("cuda:0", second)
    assert says(other) == "waits"
    let_go(holder)
    assert says(other) == "cuda:0"


def test_a_holder_that_is_killed_holds_nothing(start: Start) -> None:
    holder = start("cuda:0")
    assert says(holder) == "cuda:0"
    waiting = start("cuda:0")
    assert says(waiting) == "waits"
    holder.send_signal(signal.SIGKILL)
    assert says(waiting) == "cuda:0"


def test_who_waits_can_be_asked_to_stop(start: Start) -> None:
    assert says(holder := start("cuda:0")) == "cuda:0"
    waiting = start("cuda:0")
    assert says(waiting) == "waits"
    waiting.terminate()
    assert waiting.wait(timeout=60) == 0
    assert says(waiting) == "withdrawn"
    assert holder.poll() is None


def test_memory_is_given_back_before_the_device(start: Start) -> None:
    holder = start("cuda:0")
    assert says(holder) == "cuda:0"
    let_go(holder)
    assert says(holder) == "releases cuda:0"


def test_many_processes_take_turns(start: Start) -> None:
    """At no time has a device more holders than it may have."""
    processes = [start(TWO, 1, 8) for _ in range(5)]
    lines = [line.split() for process in processes for line in process.communicate()[0].splitlines()]
    events = defaultdict(list)
    for what, name, *at in lines:
        if at:
            events[name].append((float(at[0]), 1 if what == "from" else -1))
    assert sum(len(each) for each in events.values()) == 2 * 5 * 8
    for turns in events.values():
        holders = 0
        for _, change in sorted(turns):
            holders += change
            assert holders in (0, 1)


def test_processors_are_not_waited_for(start: Start) -> None:
    holders = [start("cpu") for _ in range(2)]
    assert [says(each) for each in holders] == ["cpu", "cpu"]


def wait(seconds: float) -> float:
    """A task that waits for others."""
    from bench.execution.waiting import waiting

    with waiting():
        time.sleep(seconds)
    return seconds


def test_the_time_limit_of_a_task_begins_when_it_has_a_device() -> None:
    """A task that takes as long by itself is stopped."""
    with Loky() as backend:
        (outcome,) = backend.run(wait, [2.5], Workers(time_limit=1.0))
        assert outcome.result == 2.5
        (outcome,) = backend.run(time.sleep, [2.5], Workers(time_limit=1.0))
        assert outcome.timed_out


def test_another_choice_of_visible_devices_needs_another_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray changes it from task to task."""
    process = WorkerProcess(Workers())
    try:
        assert process.fits(Workers())
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
        assert not process.fits(Workers())
    finally:
        process.kill()


def test_a_process_prefers_the_device_that_it_had(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each device that it has ever used costs it memory there."""
    monkeypatch.setattr(leases, "folder", lambda: tmp_path)
    monkeypatch.setattr(devices, "identity", lambda name: f"pretend-{name}")
    monkeypatch.setattr(devices, "release_memory", lambda name: None)
    with leases.leased(["cuda:0"]), leases.leased(TWO.split(",")) as second:
        assert second == "cuda:1"
    for _ in range(2):
        with leases.leased(TWO.split(",")) as again:
            assert again == "cuda:1"


def test_the_places_are_the_same_for_all_jobs_of_a_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Those of a cluster's manager have a TMPDIR each."""
    before = leases.folder()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert leases.folder() == before
    assert before.stat().st_mode & 0o1777 == 0o1777, "and nobody removes another user's locks"


def test_a_device_is_known_by_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """CUDA_VISIBLE_DEVICES gives the same device different numbers in different processes."""
    chips: Any = ["GPU-b", "GPU-a"]
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda number: SimpleNamespace(uuid=chips[number]))
    names = {devices.identity("cuda:0"), devices.identity("cuda:1")}
    chips.reverse()
    assert devices.identity("cuda:0") == "cuda-GPU-a"
    assert {devices.identity("cuda:0"), devices.identity("cuda:1")} == names
    assert devices.identity("mps") == "mps-0"
