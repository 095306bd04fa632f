"""The processes of a node are kept for the next task, as long as they live."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from bench.execution.backend import Workers
from bench.execution.remote import processes


@pytest.fixture(autouse=True)
def none_is_left() -> Iterator[None]:
    """No other test is given one of these."""
    yield
    while processes.idle:
        processes.end_if_idle(processes.idle[0])


def used() -> int:
    """The number of the process that a task is given whose thread ends with it."""
    numbers = []

    def work() -> None:
        with processes.process_for(Workers()) as process:
            numbers.append(process.submit(os.getpid).result(timeout=60))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    return numbers[0]


def test_a_process_outlives_the_thread_of_its_first_task() -> None:
    first = used()
    time.sleep(0.2)
    assert used() == first


def test_a_process_that_has_died_without_a_task_is_given_to_none() -> None:
    """The kernel has killed it for its memory, for instance."""
    first = used()
    os.kill(first, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while processes.idle[0].is_alive:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert used() != first
