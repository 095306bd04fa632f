"""Workers of a Dask cluster."""

from __future__ import annotations

import logging
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import monotonic
from typing import Any, Protocol

from bench.errors import Damaged, OptionError, in_words
from bench.execution.backend import Backend, Workers
from bench.execution.remote import node
from bench.execution.remote.backend import RemoteOptions, in_use
from bench.execution.remote.dask_scheduler import client_of, distributed
from bench.execution.remote.engine import MessagingBackend, run_name
from bench.execution.remote.messages import Answer, Channel, Message, Signal
from bench.execution.remote.payload import Payload
from bench.options import option
from bench.store.files import read_json, write_json

SIGNAL_SECONDS = 30
NOTE = "dask.json"  # in the run folder: where its trials run, while there are any
PATIENCE = 180.0  # seconds after which a scheduler that does not answer is considered lost; it may be busy
INTERRUPTED_PATIENCE = 5.0  # after Ctrl-C: the command has ten seconds to end
QUEUE_SECONDS = 30.0  # within which a message arrives here from the scheduler
NOTE_SECONDS = 5
END_SECONDS = 2


class Future(Protocol):
    """The part of a future of ``distributed`` that is used here; the library need not be installed."""

    status: str

    def done(self) -> bool:
        """Whether the task has ended, successfully or not."""

    def exception(self) -> BaseException | None:
        """Return the exception of the task, if its status is ``error``."""


@dataclass(frozen=True)
class DaskOptions(RemoteOptions):
    """Options of the back end."""

    scheduler: str = option("", "address of the scheduler, or path of its scheduler file: tcp://10.0.0.1:8786")


class Dask(MessagingBackend):
    """Workers of a Dask cluster: one trial per thread of a worker, each in a process of its own.

    The cluster is any that Dask can have: by SSH, on Kubernetes, by dask-jobqueue on SLURM or PBS.  Its machines need
    ``bench`` and no common disk.  Workers may join and leave: a trial whose worker is lost goes on from its last
    checkpoint on another.  If this command is killed, its trials go on, and the same command finds them.

    Source: https://distributed.dask.org
    """

    Options = DaskOptions
    patience = PATIENCE

    def connect(self) -> None:
        """See `RemoteBackend.connect`."""
        distributed()
        address = self.options.scheduler or os.environ.get("DASK_SCHEDULER_ADDRESS", "")
        if not address:
            raise OptionError("`backend` dask needs the address of a scheduler: --scheduler tcp://HOST:8786.")
        self.client: Any = client_of(address)
        # Ctrl-C may interrupt code of distributed, whose callback then fails with its own traceback.
        logging.getLogger("tornado.application").setLevel(logging.CRITICAL)

    @classmethod
    def left_under_way(cls, root: Path, used: Backend | None) -> str:
        """See `Backend.left_under_way`; a scheduler that no longer answers has no tasks."""
        if not (root / NOTE).exists():
            return ""
        try:
            note = read_json(root / NOTE, NOTE)
            if isinstance(used, cls) and used.is_connected and _id(used.client) == note["id"]:
                return ""
            with client_of(note["scheduler"], NOTE_SECONDS) as client:
                keys = {key for each in client.processing().values() for key in each}
        except (OSError, ValueError, TimeoutError, OptionError, Damaged):
            (root / NOTE).unlink()
            return ""
        number = sum(str(key).startswith(note["name"]) for key in keys)
        return in_use(f"on the Dask cluster at {note['scheduler']}", number, f"dask --scheduler {note['scheduler']}")

    def open(self, root: Path, workers: Workers) -> None:
        """See `MessagingBackend.open`: workers that have what tasks need may still join."""
        self.name = name = run_name(root)
        self.note = root / NOTE
        self.goes_on = self.note.exists()
        address = self.client.scheduler.address
        write_json(self.note, {"scheduler": address, "id": _id(self.client), "name": name}, NOTE)
        self.inbox = distributed().Queue(name, client=self.client)
        self.signal = distributed().Variable(f"{name}-signal", client=self.client)
        self.futures: dict[str, Future] = {}

    def submit(self, name: str, payload: Payload) -> None:
        """See `MessagingBackend.submit`."""
        future = self.client.submit(node.work, payload, DaskChannel(self.name), key=f"{self.name}-{name}", pure=False)
        distributed().fire_and_forget(future)  # it continues if this process is killed
        self.futures[name] = future

    def receive(self, timeout: float) -> Sequence[Message]:
        """See `MessagingBackend.receive`."""
        with self._connected():
            if not timeout:  # waiting messages are never missed, however slow the scheduler is
                if not self.inbox.qsize(callback_timeout=self.patience):
                    return []
                timeout = QUEUE_SECONDS
            started = monotonic()
            try:
                return [pickle.loads(self.inbox.get(timeout=timeout, callback_timeout=timeout + self.patience))]  # noqa: S301
            except TimeoutError:
                if monotonic() - started >= timeout + self.patience:  # not even that there is no message
                    raise
                return []

    def answer(self, question: str, answer: Answer) -> None:
        """See `MessagingBackend.answer`."""
        with self._connected():
            name, content = f"{self.name}-{question}", pickle.dumps(answer)
            self.client.sync(self._put, name, content, callback_timeout=self.patience)

    @contextmanager
    def _connected(self) -> Iterator[None]:
        """Raise OptionError within this block if the connection is lost; running trials are then left alone."""
        try:
            yield
        except OSError as error:
            self.abandon()
            for name in ("distributed", "distributed.client"):
                logging.getLogger(name).setLevel(logging.CRITICAL)  # they would report the same, with tracebacks
            raise OptionError(
                f"The Dask scheduler does not answer any more ({in_words(error)}). If it is still there, trials under "
                "way go on; the same command finds them, or goes on from their checkpoints."
            ) from error

    async def _put(self, name: str, content: bytes) -> None:
        """Put it into the queue of the waiting task, if that still exists.

        A `Queue` of this process would stay on the scheduler: it is created twice if it is awaited, and released once.
        """
        with suppress(KeyError):
            await self.client.scheduler.queue_put(name=name, data=content, timeout=None)

    def lost(self) -> Sequence[tuple[str, str]]:
        """See `MessagingBackend.lost`: a task raises nothing itself."""
        ended = {key: future for key, future in self.futures.items() if future.done()}
        for key in ended:
            del self.futures[key]
        return [
            (
                key.partition("-")[0],
                f"Dask gave it up: {future.exception() if future.status == 'error' else future.status}",
            )
            for key, future in ended.items()
            if future.status != "finished"
        ]

    def give(self, signal: Signal) -> None:
        """See `MessagingBackend.give`."""
        with self._connected():
            self.signal.set(pickle.dumps(signal), callback_timeout=self.patience)

    def shortage(self) -> str:
        """See `MessagingBackend.shortage`."""
        with self._connected():
            workers = self.client.nthreads(callback_timeout=self.patience)
        address = self.client.scheduler.address
        start = f"dask worker {address} --nthreads 1"
        return "" if workers else f"the scheduler has no worker; start some where bench is installed: {start}"

    def withdraw(self) -> None:
        """See `RemoteBackend.withdraw`."""
        self.patience = INTERRUPTED_PATIENCE
        super().withdraw()

    def close(self) -> None:
        """See `MessagingBackend.close`."""
        self.client.cancel(list(self.futures.values()), force=True)
        self.note.unlink(missing_ok=True)
        self.inbox.close()

    def disconnect(self) -> None:
        """See `RemoteBackend.disconnect`."""
        with suppress(TimeoutError):  # of a scheduler that does not answer
            self.client.close(timeout=END_SECONDS)


@dataclass(frozen=True)
class DaskChannel(Channel):
    """Queues on the scheduler: one for all messages, and one for the answer to each question."""

    name: str

    def send(self, message: Message) -> None:
        """See `Channel.send`."""
        _inbox(self.name).put(pickle.dumps(message))

    @contextmanager
    def answers(self, question: str) -> Iterator[Callable[[float], Answer | None]]:
        """See `Channel.answers`."""
        answers = distributed().Queue(f"{self.name}-{question}", client=distributed().get_client())

        def wait(seconds: float) -> Answer | None:
            try:
                answer: Answer = pickle.loads(answers.get(timeout=seconds))  # noqa: S301
            except TimeoutError:
                return None
            return answer

        try:
            yield wait
        finally:
            answers.close()

    def signal(self) -> Signal:
        """See `Channel.signal`."""
        signal: Signal = pickle.loads(_signal(self.name).get(timeout=SIGNAL_SECONDS))  # noqa: S301
        return signal


def _id(client: Any) -> str:
    """Return the id of its scheduler, which may have several addresses."""
    return str(client.scheduler_info()["id"])


@cache
def _inbox(name: str) -> Any:
    """Return one queue for all tasks of a worker, since the scheduler counts queues that are not closed."""
    return distributed().Queue(name, client=distributed().get_client())


@cache
def _signal(name: str) -> Any:
    return distributed().Variable(f"{name}-signal", client=distributed().get_client())
