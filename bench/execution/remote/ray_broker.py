"""What carries messages on a Ray cluster, an actor, and the task that sends them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from bench.execution.remote import node
from bench.execution.remote.messages import Answer, Channel, Message, Signal
from bench.execution.remote.payload import Payload
from bench.execution.remote.ray_cluster import ray


class MessageBroker:
    """An actor that keeps messages until they are fetched."""

    def __init__(self) -> None:
        """No message yet."""
        self.messages: list[Message] = []
        self.has_come = asyncio.Event()
        self.answers: dict[str, asyncio.Queue[Answer]] = {}  # to questions that somebody is waiting for
        self.last_signal: Signal | None = None

    async def send(self, message: Message) -> None:
        """Accept a message from a task."""
        self.messages.append(message)
        self.has_come.set()

    async def receive(self, timeout: float) -> list[Message]:
        """Return all messages since the last call; waits for the first."""
        if timeout:
            with suppress(TimeoutError):
                await asyncio.wait_for(self.has_come.wait(), timeout)
        messages, self.messages = self.messages, []
        self.has_come.clear()
        return messages

    async def answer(self, question: str, answer: Answer) -> None:
        """Accept an answer to a question; a second answer is ignored."""
        if question in self.answers:
            await self.answers[question].put(answer)

    async def open(self, question: str) -> None:
        """Keep answers to this question from now on."""
        self.answers[question] = asyncio.Queue()

    async def answered(self, question: str, timeout: float) -> Answer | None:
        """Return the answer to this question; None if there is none in time."""
        try:
            return await asyncio.wait_for(self.answers[question].get(), timeout)
        except TimeoutError:
            return None

    async def close(self, question: str) -> None:
        """Stop keeping answers to this question."""
        del self.answers[question]

    async def give(self, signal: Signal) -> None:
        """Give the signal to all tasks."""
        self.last_signal = signal

    async def signal(self) -> Signal | None:
        """Return the last signal that was given."""
        return self.last_signal


@dataclass(frozen=True)
class RayChannel(Channel):
    """A channel that calls the actor."""

    broker: Any

    def send(self, message: Message) -> None:
        """See `Channel.send`."""
        ray().get(self.broker.send.remote(message))

    @contextmanager
    def answers(self, question: str) -> Iterator[Callable[[float], Answer | None]]:
        """See `Channel.answers`."""

        def wait(seconds: float) -> Answer | None:
            answer: Answer | None = ray().get(self.broker.answered.remote(question, seconds))
            return answer

        ray().get(self.broker.open.remote(question))
        try:
            yield wait
        finally:
            self.broker.close.remote(question)

    def signal(self) -> Signal:
        """See `Channel.signal`."""
        signal: Signal = ray().get(self.broker.signal.remote())
        return signal


def work(payload: Payload, channel: RayChannel) -> None:
    """Call `node.work` in a second thread: while a task's main thread waits for Ray, another task gets its CPUs."""
    with ThreadPoolExecutor(1) as thread:
        thread.submit(node.work, payload, channel).result()
