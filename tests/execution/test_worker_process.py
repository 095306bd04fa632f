"""A worker process serves one task after the other, whatever a task leaves behind in it."""

from __future__ import annotations

import os
import sys
import time

import psutil
from cloudpickle import register_pickle_by_value

from bench.execution.backend import Workers
from bench.execution.warm_up import warm_up
from bench.execution.worker_process import WorkerProcess, kill_all

register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests

SIZE = 500_000_000  # bytes


def leave_memory_behind() -> int:
    """As a large model, the libraries of a GPU, or data that stay loaded do; after a second loky looks for it."""
    os.kept = b"x" * SIZE  # type: ignore[attr-defined]
    time.sleep(1.1)
    return int(psutil.Process().memory_info().rss)


def test_a_task_may_leave_much_memory_behind() -> None:
    process = WorkerProcess(Workers())
    try:
        number = process.ready.result(timeout=60)
        assert process.submit(leave_memory_behind).result(timeout=60) > SIZE
        assert process.submit(os.getpid).result(timeout=60) == number
        time.sleep(0.2)
        assert process.submit(os.getpid).result(timeout=60) == number
    finally:
        process.kill()


def test_a_process_that_is_still_starting_is_not_waited_for() -> None:
    """Its task has not begun, so that there is nothing to stop, and Ctrl-C ends the command at once."""
    process = WorkerProcess(Workers(setup=warm_up))
    process.submit(time.sleep, 60)
    began = time.monotonic()
    kill_all([process], patience=30)
    assert time.monotonic() - began < 15
