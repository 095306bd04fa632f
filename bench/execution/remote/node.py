"""Runs a task on a node: in a process of its own, with copies of its files; what it writes is sent as it is made."""

from __future__ import annotations

import pickle
import platform
import tempfile
import time
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, wait
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import Any, TypedDict

from joblib.externals.loky import BrokenProcessPool

from bench.errors import BenchError
from bench.execution.portable import Portable
from bench.execution.remote import cache
from bench.execution.remote.messages import Answer, Begun, Channel, Ended, FileRequested, Message, Signal, Written
from bench.execution.remote.mirror import Mirror
from bench.execution.remote.payload import Payload
from bench.execution.remote.processes import process_for
from bench.execution.remote.versions import versions
from bench.execution.worker_process import WorkerProcess
from bench.values import places

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_REPORTS = 2.0  # the coordinator may receive reports of hundreds of trials
PATIENCE = 120.0  # seconds for an answer: the coordinator may be busy, or restarting
UNFIT_SECONDS = 600.0
STOP_SECONDS = 5.0  # given to a task to stop by itself
DIED = "The worker process died (killed, out of memory, or a crash in native code)."


class Refused(BenchError):
    """The coordinator refuses to let this attempt continue, or does not answer."""

    def __init__(self, why: str, *, unfit: bool = False) -> None:
        """``unfit`` as in `Answer`."""
        super().__init__(why)
        self.unfit = unfit


def work(payload: Payload, channel: Channel) -> None:
    """Run the task of a payload; called by a worker of the engine, in any thread.

    A second attempt at the same task, after the loss of its node, starts from the files that the coordinator has
    received.
    """
    attempt = _Attempt(payload, channel)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
            attempt.run(Path(scratch))
    except Refused as refusal:  # the coordinator ignores it if this attempt no longer counts
        attempt.send(Ended, contents={}, died=str(refusal))
        if refusal.unfit:
            _occupy_worker(channel)
    except Exception as error:  # noqa: BLE001  # a fault of the node: no disk, for instance
        attempt.send(Ended, contents={}, died=f"{type(error).__name__} on {platform.node()}: {error}")


def _occupy_worker(channel: Channel) -> None:
    """Wait until the coordinator has no work left, or for some minutes."""
    until = time.monotonic() + UNFIT_SECONDS
    with suppress(Exception):  # the engine has ended
        first = now = channel.signal()
        while time.monotonic() < until and not now.stop and now.session == first.session:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            now = channel.signal()


class _Ending(TypedDict, total=False):
    """How a task ended: the fields of `Ended` of the same names."""

    result: bytes
    died: str
    raised: bytes
    timed_out: bool
    stopped: bool


class _Attempt:
    """An attempt at a task."""

    def __init__(self, payload: Payload, channel: Channel) -> None:
        self.payload = payload
        self.channel = channel
        self.id = uuid.uuid4().hex
        self.numbers = count(1)

    def send(self, kind: type[Message], **content: Any) -> None:
        self.channel.send(kind(self.payload.key, self.id, **content))

    def ask(self, kind: type[Message], **content: Any) -> Answer:
        """Send a question and wait for its answer; raises Refused if it is a refusal, or if none comes.

        It is sent again with each new signal, which means that everything has been read, or that there is another
        coordinator, so that the question may be lost.
        """
        question = kind(self.payload.key, self.id, number=next(self.numbers), **content)
        deadline, answer, given = time.monotonic() + PATIENCE, None, None
        with self.channel.answers(question.question) as wait_for_answer:
            while answer is None and time.monotonic() < deadline:
                signal = self.channel.signal()
                if signal != given:
                    given = signal
                    self.channel.send(question)
                answer = wait_for_answer(SECONDS_BETWEEN_LOOKS)
        if answer is None or answer.refusal:
            why = answer.refusal if answer else "The command that wants it did not answer."
            raise Refused(why, unfit=answer is not None and answer.unfit)
        return answer

    def fetch(self, sha256: str) -> bytes:
        return self.ask(FileRequested, sha256=sha256).contents[sha256]

    def run(self, root: Path) -> None:
        files = self.payload.task.files
        folder = root / files.folder
        folder.mkdir(parents=True)
        begun = self.ask(Begun, machine=platform.node(), versions=versions())
        for name, content in begun.contents.items():
            (folder / name).write_bytes(content)
        copies = cache.provide(self.payload.inputs, self.fetch)
        cache.provide_downloads(self.payload.downloads, self.fetch)
        mirror = Mirror(folder, files.last)
        with process_for(self.payload.workers) as process:
            call = process.submit(_call, self.payload.function, self.payload.task.moved(root), copies)
            ended = self._follow(call, process, mirror)
        contents, removed = mirror.changes()
        while missing := self.ask(
            Ended, contents=contents, removed=removed, manifest=mirror.manifest(), **ended
        ).missing:
            contents, removed = mirror.read(missing), ()

    def _follow(self, call: Future[bytes], process: WorkerProcess, mirror: Mirror) -> _Ending:
        """Send what the task writes until it has ended; returns how it ended."""
        limit, stop_at, reports = self.payload.workers.time_limit, None, _Reports()
        while True:
            wait([call], timeout=SECONDS_BETWEEN_LOOKS)
            if call.done():
                if isinstance(call.exception(), BrokenProcessPool):
                    return {"died": DIED}
                error = call.exception()
                if error is not None:
                    return {"raised": pickle.dumps(error)}
                return {"result": call.result(), "stopped": stop_at is not None}
            process.notice_death()
            signal = self.channel.signal()
            if self.id in signal.refused:
                raise Refused("This attempt is not wanted any more.")
            if reports.is_due(signal, mirror):
                contents, removed = mirror.changes()
                if contents or removed:
                    self.send(Written, contents=contents, removed=removed)
                    reports.sent(signal)
            if limit is not None and process.seconds_left(limit) <= 0:
                return {"timed_out": True}
            if signal.stop:
                stop_at = stop_at or time.monotonic() + STOP_SECONDS
                # At each look: a task that is just beginning forgets earlier requests.
                if not process.ask_to_stop() and not call.done():  # the process is still starting
                    return {"stopped": True}
            if stop_at is not None and time.monotonic() > stop_at:
                return {"stopped": True}


class _Reports:
    """Decides when to send what a task has written: every two seconds, if the coordinator has read what was sent."""

    def __init__(self) -> None:
        self.session = ""
        self.last: Signal | None = None  # the signal that was current when something was last sent
        self.time = time.monotonic()

    def is_due(self, signal: Signal, mirror: Mirror) -> bool:
        if self.session and signal.session != self.session:  # restarted, and may lack what was sent to the previous one
            mirror.forget()
        self.session = signal.session
        is_read = self.last is None or (signal.session, signal.count) != (self.last.session, self.last.count)
        return is_read and time.monotonic() - self.time >= SECONDS_BETWEEN_REPORTS

    def sent(self, signal: Signal) -> None:
        self.last = signal
        self.time = time.monotonic()


def _call(function: Callable[[Portable], Any], task: Portable, copies: Mapping[str, Path]) -> bytes:
    """Runs in the task's process; returns the pickled result."""
    places.set_copies(copies)
    return pickle.dumps(function(task))
