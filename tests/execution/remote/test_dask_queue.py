"""Messages that wait in a scheduler's queue are all read, however slow it is; if it is stopped, it is lost."""

from __future__ import annotations

import pickle
import time

import pytest

from bench import plugins
from bench.errors import OptionError
from bench.execution.remote.messages import Message


class SlowQueue:
    """Of a scheduler that needs a second for an answer."""

    def __init__(self, messages: list[Message]) -> None:
        """They have come while nobody read."""
        self.messages = [pickle.dumps(message) for message in messages]

    def qsize(self, callback_timeout: float) -> int:
        """As Dask's."""
        return len(self.messages)

    def get(self, timeout: float, callback_timeout: float) -> bytes:
        """As Dask's."""
        if timeout < 1 or not self.messages:
            raise TimeoutError
        return self.messages.pop(0)


class StoppedQueue(SlowQueue):
    """Of a scheduler that says nothing any more."""

    def qsize(self, callback_timeout: float) -> int:
        """As Dask's."""
        time.sleep(callback_timeout)
        raise TimeoutError

    def get(self, timeout: float, callback_timeout: float) -> bytes:
        """As Dask's."""
        time.sleep(callback_timeout)
        raise TimeoutError


def test_what_came_while_nobody_read_is_not_missed() -> None:
    backend = plugins.create("backend", "dask[scheduler=tcp://127.0.0.1:1]")
    waiting = [Message("one", "1"), Message("other", "1")]
    backend.inbox = SlowQueue(waiting)
    assert [*backend.receive(0), *backend.receive(0)] == waiting
    assert backend.receive(0) == []
    assert backend.receive(2) == []


@pytest.mark.parametrize("timeout", [0, 0.1])
def test_a_scheduler_that_is_stopped_is_one_message(timeout: float) -> None:
    backend = plugins.create("backend", "dask[scheduler=tcp://127.0.0.1:1]")
    backend.inbox, backend.patience = StoppedQueue([]), 0.1
    with pytest.raises(OptionError, match="The Dask scheduler does not answer any more"):
        backend.receive(timeout)
