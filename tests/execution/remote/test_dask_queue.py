"""Messages that wait in the scheduler's queue are all read, however slow the scheduler is."""

from __future__ import annotations

import pickle

from bench import plugins
from bench.execution.remote.messages import Message


class SlowQueue:
    """Of a scheduler that needs a second for an answer."""

    def __init__(self, messages: list[Message]) -> None:
        """They have come while nobody read."""
        self.messages = [pickle.dumps(message) for message in messages]

    def qsize(self) -> int:
        """As Dask's."""
        return len(self.messages)

    def get(self, timeout: float) -> bytes:
        """As Dask's."""
        if timeout < 1 or not self.messages:
            raise TimeoutError
        return self.messages.pop(0)


def test_what_came_while_nobody_read_is_not_missed() -> None:
    backend = plugins.create("backend", "dask[scheduler=tcp://127.0.0.1:1]")
    waiting = [Message("one", "1"), Message("other", "1")]
    backend.inbox = SlowQueue(waiting)
    assert [*backend.receive(0), *backend.receive(0)] == waiting
    assert backend.receive(0) == []
    assert backend.receive(2) == []
