"""Which tasks an engine has been given, how often, and under which names."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Mapping

from bench.execution.remote.backend import ATTEMPTS
from bench.execution.remote.payload import Payload

MOST_NAMES = 100  # of one task: an engine runs nothing twice under one name


class Submissions:
    """Tasks that are waiting to be submitted, and submitted ones; ``submit`` gives one to the engine under a name."""

    def __init__(self, payloads: Mapping[str, Payload], most: int, submit: Callable[[str, Payload], None]) -> None:
        """``payloads`` are given by the keys of their tasks; at most ``most`` are submitted at once."""
        self.payloads = payloads
        self.most = most
        self.submit = submit
        self.attempts: dict[str, int] = {}  # of those that are submitted
        self._waiting = deque(payloads)
        self._names = dict.fromkeys(payloads, 1)

    def fill(self, pending: Container[str]) -> None:
        """Submit waiting tasks that are ``pending``, as far as there is room."""
        while self._waiting and len(self.attempts) < self.most:
            key = self._waiting.popleft()
            if key in pending and key not in self.attempts:
                self.attempts[key] = 1
                self._submit(key)

    def repeat_declined(self, key: str) -> bool:
        """Resubmit a task that no machine has begun, which is not an attempt; returns whether that is possible."""
        if self._names[key] >= MOST_NAMES:
            return False
        self.attempts.setdefault(key, 1)
        self._names[key] += 1
        self._submit(key)
        return True

    def repeat_died(self, key: str) -> bool:
        """Resubmit a task whose process has died, unless that has happened too often; returns whether it is repeated.

        One of an earlier command still waits; under its first name the engine may be ending that one's attempt.
        """
        if self.attempts.get(key, 0) >= ATTEMPTS:
            return False
        self._names[key] += 1
        if key in self.attempts:
            self.attempts[key] += 1
            self._submit(key)
        return True

    def end(self, key: str) -> None:
        """Record that the task has an outcome."""
        self.attempts.pop(key, None)

    def _submit(self, key: str) -> None:
        number = self._names[key]
        self.submit(key if number == 1 else f"{key}-{number}", self.payloads[key])
