"""The part of a back end that engines which carry messages have in common."""

from __future__ import annotations

import logging
import math
import platform
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from time import monotonic
from typing import Any

from bench.execution.backend import Outcome, Workers
from bench.execution.portable import Portable
from bench.execution.remote.backend import SILENT_SECONDS, RemoteBackend, digest
from bench.execution.remote.coordinator import Coordinator
from bench.execution.remote.messages import Answer, Message, Signal
from bench.execution.remote.payload import FileIndex, Payload, pack
from bench.execution.remote.submissions import Submissions
from bench.execution.remote.versions import versions

SECONDS_BETWEEN_LOOKS = 1.0  # for tasks that the engine has given up; messages are handled without delay
STOP_SECONDS = 8.0  # until all tasks have stopped and sent their files
MEETING_SECONDS = 4.0  # within which all tasks left by an earlier command have sent something

logger = logging.getLogger(__name__)


class MessagingBackend(RemoteBackend):
    """A back end whose machines need no common disk: files are sent there, and task outputs come back, in messages.

    A derived class carries messages and submits work; it decides nothing about tasks.
    """

    def __init__(self, **settings: object) -> None:
        """Nothing is connected yet."""
        super().__init__(**settings)
        self._coordinator: Coordinator | None = None
        self.goes_on = False  # whether to continue tasks that an earlier command has left running, if there are any
        self._opened = -math.inf

    # -- what an engine does ---------------------------------------------------------------------------------------

    @abstractmethod
    def open(self, root: Path, workers: Workers) -> None:
        """Begin to send and receive; messages of these tasks are distinguished from others by their `run_name`.

        Raises OptionError if no machine can ever provide the resources that a task needs.
        """

    @abstractmethod
    def submit(self, name: str, payload: Payload) -> None:
        """Let a worker call `node.work` on the payload, and repeat this if the worker is lost.

        The ``name`` begins with the task's key, and is the same for a later process of this command.
        """

    @abstractmethod
    def receive(self, timeout: float) -> Sequence[Message]:
        """Return one or more messages as soon as there are any; none if none arrives within ``timeout`` seconds."""

    @abstractmethod
    def answer(self, question: str, answer: Answer) -> None:
        """Send an answer to a question."""

    @abstractmethod
    def give(self, signal: Signal) -> None:
        """Make `Channel.signal` return this signal from now on."""

    @abstractmethod
    def lost(self) -> Sequence[tuple[str, str]]:
        """Return the keys of tasks that the engine has given up since the last call, and why."""

    @abstractmethod
    def shortage(self) -> str:
        """Return why no worker begins a task, if the engine knows, and what to do; empty if it does not."""

    @abstractmethod
    def close(self) -> None:
        """Withdraw tasks that are still submitted; the opposite of `open`."""

    # -- what a back end does --------------------------------------------------------------------------------------

    def run_remotely(
        self, function: Callable[[Any], Any], tasks: Sequence[Portable], workers: Workers
    ) -> Iterator[Outcome[Any, Any]]:
        """See `RemoteBackend.run_remotely`."""
        root = tasks[0].files.root
        root.mkdir(parents=True, exist_ok=True)
        self.open(root, workers)
        index = FileIndex()
        coordinator = Coordinator(self.answer, index, refuse_versions=self.options.versions == "same")
        payloads = _payloads(function, tasks, workers, index)
        coordinator.pending.update({key: payload.task for key, payload in payloads.items()})
        self._coordinator = coordinator
        self._opened = monotonic()
        self.give(coordinator.signal())
        submissions = Submissions(payloads, workers.count, self.submit)
        while messages := self.receive(0):  # of tasks that continued while nobody read them
            yield from _settled([(each.key, coordinator.receive(each)) for each in messages], coordinator, submissions)
        heard = looked = monotonic()
        is_heard = False  # since the last signal
        while coordinator.pending:
            submissions.fill(coordinator.pending)
            messages = self.receive(SECONDS_BETWEEN_LOOKS)
            outcomes = [(each.key, coordinator.receive(each)) for each in messages]
            is_heard |= bool(messages)
            if messages and coordinator.attempts:  # not for a machine that gets no trial
                heard = monotonic()
            elif monotonic() - heard > SILENT_SECONDS:
                heard = math.inf if self._explain_silence(coordinator) else monotonic()
            if monotonic() - looked >= SECONDS_BETWEEN_LOOKS:  # not after each message, since it checks all tasks
                looked = monotonic()
                late = self.receive(0) if messages else []
                outcomes += [(each.key, coordinator.receive(each)) for each in late]
                if is_heard and not late:
                    self.give(coordinator.signal())
                    is_heard = False
                outcomes += [(key, coordinator.lost(key, why)) for key, why in self.lost()]
            yield from _settled(outcomes, coordinator, submissions)
        self._stop_tasks(coordinator)  # those that occupy a worker
        self._close()

    def _explain_silence(self, coordinator: Coordinator) -> bool:
        """Report why no trial makes progress, if that is known; returns whether it is."""
        why = self.shortage()
        if not why and not coordinator.is_any_under_way():
            why = "the workers are busy with other work, or still starting"
        if why:
            what = "Trials wait" if coordinator.attempts else "No worker has taken a trial yet"
            logger.warning("%s: %s.", what, why)
        return bool(why)

    def _stop_tasks(self, coordinator: Coordinator) -> None:
        coordinator.is_stopping = True
        self.give(coordinator.signal())

    def _close(self) -> None:
        if self._coordinator is not None:
            self._coordinator = None
            self.close()

    def abandon(self) -> None:
        """Leave the running tasks to a later process of this command, since the engine does not answer."""
        self._coordinator = None

    def withdraw(self) -> None:
        """See `RemoteBackend.withdraw`."""
        coordinator = self._coordinator
        if coordinator is not None and coordinator.pending:
            self._stop_tasks(coordinator)
            deadline = monotonic() + STOP_SECONDS
            unmet = self._opened + MEETING_SECONDS if self.goes_on else -math.inf
            while coordinator.pending and monotonic() < deadline:
                if not coordinator.is_any_under_way() and monotonic() >= unmet:
                    break
                messages = self.receive(SECONDS_BETWEEN_LOOKS)
                for message in messages:
                    coordinator.receive(message)
                if not messages:  # a question that was lost is asked again
                    self.give(coordinator.signal())
        self._close()


def run_name(root: Path) -> str:
    """Return a name that is the same for every process of this machine whose tasks have this root."""
    return f"bench-{digest(platform.node(), str(root.resolve()))}"


def _payloads(
    function: Callable[[Any], Any], tasks: Sequence[Portable], workers: Workers, index: FileIndex
) -> dict[str, Payload]:
    """Return the tasks by keys that any process of the same command computes, given the same code and files."""
    payloads = {}
    for task in tasks:
        payload = pack("", function, task, workers, index)
        key = digest(function.__qualname__, repr(task), repr(payload.inputs), repr(versions()))
        payloads[key] = replace(payload, key=key)
    return payloads


def _settled(
    outcomes: Sequence[tuple[str, Outcome[Any, Any] | None]], coordinator: Coordinator, submissions: Submissions
) -> Iterator[Outcome[Any, Any]]:
    """Yield the outcomes of tasks that have ended and are not repeated; repeated tasks become pending again."""
    for key, outcome in outcomes:
        if outcome is None:
            continue
        if key in coordinator.declined:
            coordinator.declined.discard(key)
            is_repeated = submissions.repeat_declined(key)
        else:
            is_repeated = bool(outcome.died) and submissions.repeat_died(key)
        if is_repeated:
            coordinator.pending[key] = outcome.task
        else:
            submissions.end(key)
            yield outcome
