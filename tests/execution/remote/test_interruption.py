"""Ctrl-C while messages are read: what tasks have when they are stopped arrives, whatever the interruption lost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from queue import Empty
from threading import Thread
from time import monotonic, sleep
from typing import Any, ClassVar, cast

import pytest
from remote_tasks import ByValue, Copy, InProcess, kept

from bench.execution.backend import Workers
from bench.execution.remote import engine as engine_module
from bench.execution.remote import node, processes
from bench.execution.remote.engine import MessagingBackend
from bench.execution.remote.messages import Answer, Ended, Message, Signal, Written
from bench.execution.remote.payload import Payload


class Threads(MessagingBackend):
    """An engine whose workers are threads of this process.

    It ``loses`` the first messages of these kinds, in this order, and is interrupted at the first of them.
    """

    def __init__(self, channel: InProcess, loses: Sequence[type[Message]]) -> None:
        """The channel and its workers are there when this ends."""
        super().__init__()
        self.channel = channel
        self.loses = list(loses)
        self.was_interrupted = False
        self.threads: list[Thread] = []
        self.is_closed = False

    def connect(self) -> None:
        """See `RemoteBackend`."""

    def open(self, root: Path, workers: Workers) -> None:
        """See `MessagingBackend`."""

    def submit(self, name: str, payload: Payload) -> None:
        """See `MessagingBackend`; one that is under way is not submitted again, as on Dask."""
        if not self.goes_on:
            self.threads.append(Thread(daemon=True, target=node.work, args=[payload, self.channel]))
            self.threads[-1].start()

    def receive(self, timeout: float) -> Sequence[Message]:
        """See `MessagingBackend`."""
        try:
            message = self.channel.inbox.get(timeout=timeout) if timeout else self.channel.inbox.get_nowait()
        except Empty:
            return []
        if not self.loses or not isinstance(message, self.loses[0]):
            return [message]
        del self.loses[0]
        if self.was_interrupted:
            return []
        self.was_interrupted = True
        raise KeyboardInterrupt

    def answer(self, question: str, answer: Answer) -> None:
        """See `MessagingBackend`."""
        self.channel.answer(question, answer)

    def give(self, signal: Signal) -> None:
        """See `MessagingBackend`."""
        self.channel.given = signal

    def lost(self) -> Sequence[tuple[str, str]]:
        """See `MessagingBackend`."""
        return []

    def shortage(self) -> str:
        """See `MessagingBackend`."""
        return ""

    def close(self) -> None:
        """See `MessagingBackend`."""
        self.is_closed = True


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What comes once per second comes ten times; no process stays."""
    monkeypatch.setattr(node, "SECONDS_BETWEEN_LOOKS", 0.1)
    monkeypatch.setattr(node, "SECONDS_BETWEEN_REPORTS", 0.2)
    monkeypatch.setattr(engine_module, "SECONDS_BETWEEN_LOOKS", 0.1)
    monkeypatch.setattr(engine_module, "STOP_SECONDS", 20.0)
    monkeypatch.setattr(engine_module, "MEETING_SECONDS", 20.0)
    yield
    for process in list(processes.idle):
        processes.end_if_idle(process)


def run(engine: Threads, *tasks: Copy, count: int = 6) -> None:
    """Run until it is interrupted, and then stop, as a command does."""
    with pytest.raises(KeyboardInterrupt):
        list(engine.run(cast(Any, ByValue(kept)), tasks, Workers(count=count)))
    engine.stop()
    assert engine.is_closed


def check_kept(folder: Path, engine: Threads) -> None:
    for thread in engine.threads:
        thread.join(30)
        assert not thread.is_alive()
    assert (folder / "status").read_text() == "stopped"
    assert int((folder / "checkpoint").read_text()) > 0


def test_what_a_task_has_is_kept_if_an_earlier_message_is_lost(tmp_path: Path) -> None:
    engine = Threads(InProcess(), loses=[Written])
    started = monotonic()
    run(engine, Copy(tmp_path), Copy(tmp_path / "waits"), count=1)
    assert monotonic() - started < 15, "no earlier command has left tasks that would be waited for"
    check_kept(tmp_path / "trials" / "a", engine)


def test_nothing_is_asked_again_while_messages_wait(tmp_path: Path) -> None:
    """Six tasks stop at once, and the disk of the command is slow: each sends once what it has."""

    class SlowDisk(Threads):
        written: ClassVar[set[str]] = set()

        def receive(self, timeout: float) -> Sequence[Message]:
            messages = super().receive(timeout)
            self.written.update(each.attempt for each in messages if isinstance(each, Written))
            if len(self.written) < len(tasks) or self.was_interrupted:
                return messages
            self.was_interrupted = True
            raise KeyboardInterrupt

        def answer(self, question: str, answer: Answer) -> None:
            if self.was_interrupted:
                sleep(0.3)
            super().answer(question, answer)

    engine = SlowDisk(InProcess(), loses=[])
    tasks = [Copy(tmp_path / str(number)) for number in range(6)]
    for task in tasks:
        task.root.mkdir()
    run(engine, *tasks)
    for task in tasks:
        check_kept(task.root / "trials" / "a", engine)
    assert engine.channel.kinds.count(Ended) == len(tasks)


def test_what_a_task_has_is_kept_if_its_last_message_is_lost(tmp_path: Path) -> None:
    """A call that is interrupted while it waits for a message may take the next one along, which is that."""
    engine = Threads(InProcess(), loses=[Written, Ended])
    run(engine, Copy(tmp_path))
    check_kept(tmp_path / "trials" / "a", engine)


def test_what_an_earlier_command_has_left_is_kept_by_one_that_is_interrupted_at_once(tmp_path: Path) -> None:
    """The first is killed; the second has heard nothing of the task when it is interrupted."""
    killed = Threads(InProcess(), loses=[Written])
    with pytest.raises(KeyboardInterrupt):
        list(killed.run(cast(Any, ByValue(kept)), [Copy(tmp_path)], Workers()))
    while not killed.channel.inbox.empty():
        killed.channel.inbox.get()
    engine = Threads(killed.channel, loses=[Message])
    engine.goes_on = True
    run(engine, Copy(tmp_path))
    check_kept(tmp_path / "trials" / "a", killed)
