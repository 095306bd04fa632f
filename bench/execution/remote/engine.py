"""The part of a back end that engines which carry messages have in common."""

from __future__ import annotations

import platform
from abc import abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any

from bench.execution.backend import Outcome, Workers
from bench.execution.luggage import Portable
from bench.execution.remote.backend import ATTEMPTS, RemoteBackend, digest
from bench.execution.remote.home import Home
from bench.execution.remote.parcel import Parcel, Shelf, pack
from bench.execution.remote.post import Answer, Message
from bench.execution.remote.versions import versions

SECONDS_BETWEEN_LOOKS = 1.0  # for tasks that the engine has given up; messages are not waited for
MOST_NAMES = 100
STOP_SECONDS = 8.0  # until all tasks have stopped and sent what they have


class MessagingBackend(RemoteBackend):
    """Its machines need no common disk: files travel there, and what tasks write comes home, in messages.

    A derived class carries messages and submits work; it decides nothing about tasks.
    """

    def __init__(self, **settings: object) -> None:
        """Nothing is connected yet."""
        super().__init__(**settings)
        self._home: Home | None = None

    # -- what an engine does ---------------------------------------------------------------------------------------

    @abstractmethod
    def open(self, name: str) -> None:
        """Begin to send and receive; messages of these tasks are told from others by the ``name`` of their run."""

    @abstractmethod
    def submit(self, key: str, parcel: Parcel) -> None:
        """Have a worker call `node.work` on the parcel; a second time if the worker is lost."""

    @abstractmethod
    def receive(self, timeout: float) -> Sequence[Message]:
        """The next messages, one or several, as soon as there are any; none if none comes for ``timeout`` seconds."""

    @abstractmethod
    def answer(self, attempt: str, answer: Answer) -> None:
        """Send an answer to an attempt."""

    @abstractmethod
    def lost(self) -> Sequence[tuple[str, str]]:
        """The keys that the engine has given up since the last time, and why."""

    @abstractmethod
    def stop_tasks(self) -> None:
        """Let `Post.is_stopped` be true."""

    @abstractmethod
    def close(self) -> None:
        """Withdraw what is still submitted; the opposite of `open`."""

    # -- what a back end does --------------------------------------------------------------------------------------

    def away(
        self, function: Callable[[Any], Any], tasks: Sequence[Portable], workers: Workers
    ) -> Iterator[Outcome[Any, Any]]:
        """See `RemoteBackend.away`."""
        root = tasks[0].luggage.root
        self.open(f"bench-{digest(platform.node(), str(root.resolve()))}")
        shelf = Shelf()
        home = self._home = Home(self.answer, shelf, refuse_versions=self.options.versions == "same")
        parcels: dict[str, Parcel] = {}
        for task in tasks:
            parcel = pack("", function, task, workers, shelf)
            key = digest(function.__qualname__, repr(task), repr(parcel.items), repr(versions()))
            parcels[key] = replace(parcel, key=key)
            home.away[key] = task
        outcomes: list[tuple[str, Outcome[Any, Any] | None]] = []
        while messages := self.receive(0):  # of tasks that went on while nobody was at home
            outcomes += [(message.key, home.receive(message)) for message in messages]
        waiting = deque(parcels)
        submitted: dict[str, int] = {}  # and how many times
        names = dict.fromkeys(parcels, 1)  # how many names each has had: an engine runs nothing twice under one name
        looked = monotonic()
        while True:
            for key, outcome in outcomes:
                if outcome is None:
                    continue
                if key in home.turned_away and names[key] < MOST_NAMES:  # which is no attempt
                    home.turned_away.discard(key)
                    home.away[key] = outcome.task
                    submitted.setdefault(key, 1)
                    names[key] += 1
                    self.submit(f"{key}-{names[key]}", parcels[key])
                elif outcome.died and submitted.get(key, 0) < ATTEMPTS:
                    home.away[key] = outcome.task
                    if key in submitted:
                        submitted[key] += 1
                        names[key] += 1
                        self.submit(f"{key}-{names[key]}", parcels[key])
                else:
                    submitted.pop(key, None)
                    yield outcome
            if not home.away:
                break
            while waiting and len(submitted) < workers.count:
                key = waiting.popleft()
                if key in home.away and key not in submitted:
                    submitted[key] = 1
                    self.submit(key, parcels[key])
            outcomes = [(message.key, home.receive(message)) for message in self.receive(SECONDS_BETWEEN_LOOKS)]
            if monotonic() - looked >= SECONDS_BETWEEN_LOOKS:  # not after each message: it takes all tasks in view
                outcomes += [(key, home.lost(key, why)) for key, why in self.lost()]
                looked = monotonic()
        self.stop_tasks()  # those that keep a place
        self._close()

    def _close(self) -> None:
        if self._home is not None:
            self._home = None
            self.close()

    def abandon(self) -> None:
        """Leave the tasks that are under way to a later process of this command: the engine does not answer."""
        self._home = None

    def withdraw(self) -> None:
        """See `RemoteBackend.withdraw`."""
        home = self._home
        if home is not None and home.away:
            home.is_stopping = True
            self.stop_tasks()
            deadline = monotonic() + STOP_SECONDS
            while home.attempts.keys() & home.away.keys() and monotonic() < deadline:
                for message in self.receive(SECONDS_BETWEEN_LOOKS):
                    home.receive(message)
        self._close()
