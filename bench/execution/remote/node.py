"""Runs a task on a node: in a process of its own, with its files brought there and what it writes sent home."""

from __future__ import annotations

import multiprocessing
import pickle
import platform
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from joblib.externals.loky import BrokenProcessPool

from bench.errors import BenchError
from bench.execution.luggage import Portable
from bench.execution.remote import cache
from bench.execution.remote.mirror import Mirror
from bench.execution.remote.parcel import Parcel
from bench.execution.remote.post import Answer, Begun, Ended, Message, Post, Wanted, Written
from bench.execution.remote.versions import versions
from bench.execution.worker_process import WorkerProcess
from bench.values import places

SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_BETWEEN_LETTERS = 2.0  # home may have hundreds of trials to hear of
PATIENCE = 120.0  # seconds for an answer: the home may be busy, or just be started again
UNFIT_SECONDS = 600.0
STOP_SECONDS = 5.0  # that a task has for stopping by itself
DIED = "The worker process died (killed, out of memory, or a crash in native code)."


class Refused(BenchError):
    """The home does not want this attempt to go on, or does not answer."""

    def __init__(self, why: str, *, unfit: bool = False) -> None:
        """``unfit`` as in `Answer`."""
        super().__init__(why)
        self.unfit = unfit


def work(parcel: Parcel, post: Post) -> None:
    """Run the task of a parcel; called by a worker of the engine, in any thread.

    A second attempt at the same task, after the loss of its node, begins with what had come home of the first.
    """
    errand = _Errand(parcel, post)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as scratch:
            errand.run(Path(scratch))
    except Refused as refusal:  # which the home ignores if this attempt does not count any more
        errand.send(Ended, manifest=None, died=str(refusal))
        if refusal.unfit:
            _keep_place(post)
    except Exception as error:  # noqa: BLE001  # the node's fault: no disk, for instance
        errand.send(Ended, manifest=None, died=f"{type(error).__name__} on {platform.node()}: {error}")


def _keep_place(post: Post) -> None:
    """Until the home has no work left, or for some minutes."""
    until = time.monotonic() + UNFIT_SECONDS
    with suppress(Exception):  # the engine has ended
        while time.monotonic() < until and not post.is_stopped():
            time.sleep(SECONDS_BETWEEN_LOOKS)


class _Errand:
    """An attempt at a task."""

    def __init__(self, parcel: Parcel, post: Post) -> None:
        self.parcel = parcel
        self.post = post
        self.attempt = uuid.uuid4().hex

    def send(self, kind: type[Message], **content: Any) -> None:
        self.post.send(kind(self.parcel.key, self.attempt, **content))

    def ask(self, kind: type[Message], **content: Any) -> Answer:
        """Send a question and wait for its answer; raises Refused if it is a refusal, or if none comes."""
        answer = self.post.ask(kind(self.parcel.key, self.attempt, **content), PATIENCE)
        if answer is None or answer.refusal:
            why = answer.refusal if answer else "The command that wants it did not answer."
            raise Refused(why, unfit=answer is not None and answer.unfit)
        return answer

    def fetch(self, sha256: str) -> bytes:
        return self.ask(Wanted, sha256=sha256).contents[sha256]

    def run(self, root: Path) -> None:
        luggage = self.parcel.task.luggage
        folder = root / luggage.folder
        folder.mkdir(parents=True)
        begun = self.ask(Begun, machine=platform.node(), versions=versions())
        for name, content in begun.contents.items():
            (folder / name).write_bytes(content)
        brought = cache.bring(self.parcel.items, self.fetch)
        cache.bring_downloads(self.parcel.downloads, self.fetch)
        mirror = Mirror(
            folder, luggage.last, lambda contents, gone: self.send(Written, contents=contents, removed=gone)
        )
        with _process(self.parcel) as process:
            call = process.submit(_call, self.parcel.function, self.parcel.task.moved(root), brought)
            ended = self._follow(call, process, mirror)
        mirror.sync()
        while missing := self.ask(Ended, manifest=mirror.manifest(), **ended).missing:
            mirror.send_again(missing)

    def _follow(self, call: Future[bytes], process: WorkerProcess, mirror: Mirror) -> dict[str, Any]:
        """Send what the task writes until it has ended; returns how."""
        limit, stop_at, written = self.parcel.workers.time_limit, None, time.monotonic()
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
            if time.monotonic() - written >= SECONDS_BETWEEN_LETTERS:
                mirror.sync()
                written = time.monotonic()
            if limit is not None and process.seconds_left(limit) <= 0:
                return {"timed_out": True}
            if stop_at is None and self.post.is_stopped():
                process.ask_to_stop()
                stop_at = time.monotonic() + STOP_SECONDS
            if stop_at is not None and time.monotonic() > stop_at:
                return {"stopped": True}


def _call(function: Callable[[Portable], Any], task: Portable, brought: Mapping[str, Path]) -> bytes:
    """In the task's process: the pickled result."""
    places.brought(brought)
    return pickle.dumps(function(task))


IDLE_SECONDS = 60.0  # after which a process that nobody needs is ended: the node has other users

_idle: list[WorkerProcess] = []
_lock = threading.Lock()


@contextmanager
def _process(parcel: Parcel) -> Iterator[WorkerProcess]:
    """A process of this node; it is kept for the next task, since a new one costs seconds of imports."""
    with _lock:
        fitting = [each for each in _idle if each.fits(parcel.workers)]
        outdated = [each for each in _idle if each not in fitting]
        process = fitting.pop() if fitting else None
        _idle[:] = fitting
    for each in outdated:
        each.kill()
    if process is None:
        with _children_allowed():
            process = WorkerProcess(parcel.workers)
    try:
        yield process
    finally:
        if process.is_idle:
            with _lock:
                _idle.append(process)
            timer = threading.Timer(IDLE_SECONDS, _end_if_idle, [process])
            timer.daemon = True
            timer.start()
        else:
            process.kill()


def _end_if_idle(process: WorkerProcess) -> None:
    """A process that is idle again, or still, after some time; one that worked meanwhile may end a little early."""
    with _lock:
        is_idle = process in _idle
        if is_idle:
            _idle.remove(process)
    if is_idle:
        process.kill()


@contextmanager
def _children_allowed() -> Iterator[None]:
    """Engines start their workers as daemons, which multiprocessing forbids to have children.

    That is a precaution against children that outlive them, and ours end with their parent in any case.
    """
    config: dict[str, Any] = getattr(multiprocessing.current_process(), "_config", {})
    with _lock:
        before = config.get("daemon")
        if before:
            config["daemon"] = False
        try:
            yield
        finally:
            if before:
                config["daemon"] = before
