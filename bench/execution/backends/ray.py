"""Workers of a Ray cluster."""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bench.errors import OptionError
from bench.execution.backend import Workers
from bench.execution.remote import node
from bench.execution.remote.backend import RemoteOptions, extra
from bench.execution.remote.engine import MessagingBackend
from bench.execution.remote.messages import Answer, Channel, Message, Signal
from bench.execution.remote.payload import Payload
from bench.options import option

CONNECT_SECONDS = 15
END_SECONDS = 0.5  # for what a call does after its last message: to be cancelled costs its process
LOST_NODES = 3  # at most for one task


@dataclass(frozen=True)
class RayOptions(RemoteOptions):
    """Options of the back end."""

    address: str = option("", "of the cluster: auto, or HOST:6379; a new one on this machine if it is empty")
    gpus: float = option(
        0.0,
        "GPUs that Ray reserves for each trial; at 0 it counts CPUs, and trials wait for a GPU of their node",
        minimum=0,
    )


class Ray(MessagingBackend):
    """Workers of a Ray cluster: one trial per CPU that Ray counts, each in a process of its own.

    The machines need ``bench`` and no common disk.  Nodes may join and leave: a trial whose node is lost goes on from
    its last checkpoint on another.  If this command is killed, Ray ends its trials, and the same command goes on from
    the checkpoints that it has received.

    Source: https://docs.ray.io/en/latest/ray-core/walkthrough.html
    """

    Options = RayOptions
    _has_joined = False

    def connect(self) -> None:
        """See `RemoteBackend.connect`."""
        ray, address = _ray(), self.options.address
        if not ray.is_initialized():  # else the caller has, and leaves it when it likes
            try:
                _knock(address)
                with _signals_kept():
                    ray.init(address=address or "local", logging_level="error", log_to_driver=False)
                    self._has_joined = True
            except (OSError, ValueError, RuntimeError) as error:
                raise OptionError(
                    f"No Ray cluster answers at {address!r} ({error}): start one with `ray start --head`, or correct "
                    "--address."
                ) from error

    def open(self, root: Path, workers: Workers) -> None:
        """See `MessagingBackend.open`: a Ray of its own on this machine is not joined by others."""
        ray = _ray()
        self.needs = {"CPU": workers.threads, "GPU": self.options.gpus}
        if not self.options.address and (lack := self._lack()):
            raise OptionError(f"{lack[0].upper()}{lack[1:]}.")
        here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
            ray.get_runtime_context().get_node_id(), soft=False
        )
        broker = ray.remote(num_cpus=0, scheduling_strategy=here)(MessageBroker)  # not on a node that may be lost
        self.broker = broker.remote()
        self.channel = RayChannel(self.broker)
        self.calls: dict[str, object] = {}  # Ray's references, by the keys of their tasks

    def submit(self, name: str, payload: Payload) -> None:
        """See `MessagingBackend.submit`."""
        work = _ray().remote(num_cpus=self.needs["CPU"], num_gpus=self.needs["GPU"], max_retries=LOST_NODES)(node.work)
        self.calls[name] = work.options(name=f"bench {name}").remote(payload, self.channel)

    def receive(self, timeout: float) -> Sequence[Message]:
        """See `MessagingBackend.receive`."""
        ray = _ray()
        try:
            messages: Sequence[Message] = ray.get(self.broker.receive.remote(timeout))
        except ray.exceptions.RayError as error:
            self.abandon()
            raise OptionError(
                f"The Ray cluster does not answer any more ({str(error).splitlines()[0]}). The same command goes on "
                "from the checkpoints that have arrived."
            ) from error
        return messages

    def answer(self, attempt: str, answer: Answer) -> None:
        """See `MessagingBackend.answer`."""
        self.broker.answer.remote(attempt, answer)

    def lost(self) -> Sequence[tuple[str, str]]:
        """See `MessagingBackend.lost`."""
        ray = _ray()
        keys = {call: key for key, call in self.calls.items()}
        ended, _ = ray.wait(list(keys), num_returns=len(keys), timeout=0) if keys else ([], [])
        lost = []
        for call in ended:
            del self.calls[keys[call]]
            try:
                ray.get(call)
            except ray.exceptions.RayError as error:
                lost.append((keys[call].partition("-")[0], f"Ray gave it up: {str(error).splitlines()[0]}"))
        return lost

    def give(self, signal: Signal) -> None:
        """See `MessagingBackend.give`."""
        self.broker.give.remote(signal)

    def shortage(self) -> str:
        """See `MessagingBackend.shortage`."""
        return self._lack()

    def _lack(self) -> str:
        """The resources that a trial needs and that no single node has; empty if a node has them, free or not."""
        nodes = [each["Resources"] for each in _ray().nodes() if each["Alive"]]
        if any(all(node.get(name, 0) >= needed for name, needed in self.needs.items()) for node in nodes):
            return ""
        most = {name: max((node.get(name, 0) for node in nodes), default=0) for name in self.needs}
        return (
            f"a trial needs {_in_words(self.needs)} on one node of Ray, and no node has more than "
            f"{_in_words({name: most[name] for name, needed in self.needs.items() if needed}, zeros=True)}: lower "
            "--threads or `gpus` of ray, or add a node"
        )

    def close(self) -> None:
        """See `MessagingBackend.close`."""
        ray, calls = _ray(), list(self.calls.values())
        _, left = ray.wait(calls, num_returns=len(calls), timeout=END_SECONDS) if calls else ([], [])
        for call in left:
            ray.cancel(call, force=True)
        ray.kill(self.broker)

    def disconnect(self) -> None:
        """See `RemoteBackend.disconnect`."""
        if self._has_joined:
            self._has_joined = False
            _ray().shutdown()


def _in_words(resources: Mapping[str, float], *, zeros: bool = False) -> str:
    """``7 CPUs and 1 GPU``."""
    named = {name: number for name, number in resources.items() if number or zeros}
    return " and ".join(f"{number:g} {name}{'' if number == 1 else 's'}" for name, number in named.items())


def _knock(address: str) -> None:
    """Raise OSError if nobody listens at an address of the form HOST:PORT: Ray itself would try for ever."""
    host, _, port = address.rpartition(":")
    if host and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), timeout=CONNECT_SECONDS).close()


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray would handle SIGTERM in place of the command."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, before)


class MessageBroker:
    """An actor that keeps messages until they are fetched."""

    def __init__(self) -> None:
        """No message yet."""
        self.messages: list[Message] = []
        self.has_come = asyncio.Event()
        self.answers: defaultdict[str, asyncio.Queue[Answer]] = defaultdict(asyncio.Queue)
        self.last_signal: Signal | None = None

    async def send(self, message: Message) -> None:
        """A message from a task."""
        self.messages.append(message)
        self.has_come.set()

    async def receive(self, timeout: float) -> list[Message]:
        """All messages since the last time; waits for the first."""
        if timeout:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.has_come.wait(), timeout)
        messages, self.messages = self.messages, []
        self.has_come.clear()
        return messages

    async def answer(self, attempt: str, answer: Answer) -> None:
        """An answer to an attempt."""
        await self.answers[attempt].put(answer)

    async def answered(self, attempt: str, timeout: float) -> Answer | None:
        """The answer to this attempt; None if there is none in time."""
        try:
            return await asyncio.wait_for(self.answers[attempt].get(), timeout)
        except TimeoutError:
            return None
        finally:
            del self.answers[attempt]

    async def give(self, signal: Signal) -> None:
        """Give the signal to all tasks."""
        self.last_signal = signal

    async def signal(self) -> Signal | None:
        """The last one that was given."""
        return self.last_signal


@dataclass(frozen=True)
class RayChannel(Channel):
    """Calls of the actor."""

    broker: Any

    def send(self, message: Message) -> None:
        """See `Channel.send`."""
        _ray().get(self.broker.send.remote(message))

    def ask(self, message: Message, timeout: float) -> Answer | None:
        """See `Channel.ask`."""
        self.send(message)
        answer: Answer | None = _ray().get(self.broker.answered.remote(message.attempt, timeout))
        return answer

    def signal(self) -> Signal:
        """See `Channel.signal`."""
        signal: Signal = _ray().get(self.broker.signal.remote())
        return signal


@cache
def _ray() -> Any:
    return extra("ray", "ray")
