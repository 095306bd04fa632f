"""Messages between a task on a node and its coordinator, and what carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench.execution.remote.versions import Versions


@dataclass(frozen=True)
class Message:
    """A message from an ``attempt`` at the task with this ``key``; a task is restarted elsewhere if its node is lost.

    A message that has an answer is a question: it has a ``number`` within its attempt, which stays the same if it is
    sent again.
    """

    key: str
    attempt: str
    number: int = field(default=0, kw_only=True)

    @property
    def question(self) -> str:
        """A unique name for the question."""
        return f"{self.attempt}-{self.number}"


@dataclass(frozen=True)
class Begun(Message):
    """The task begins on a machine; the answer contains the contents of its folder, by name."""

    machine: str
    versions: Versions


@dataclass(frozen=True)
class FileRequested(Message):
    """The node lacks a file with this hash; the answer is its content."""

    sha256: str


@dataclass(frozen=True)
class Written(Message):
    """Changes in the task's folder, in the order in which they are to be stored."""

    contents: Mapping[str, bytes]
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Ended(Written):
    """The task's ``result``, pickled, or the reason why there is none.

    ``manifest`` contains the hashes of all files in its folder, by name, or is None if nothing was written.  The answer
    names the files that have not arrived.
    """

    manifest: Mapping[str, str] | None = None
    result: bytes = b""
    died: str = ""
    timed_out: bool = False
    stopped: bool = False
    raised: bytes = b""  # the exception of the task's function, pickled


@dataclass(frozen=True)
class Answer:
    """The answer to `Begun`, `FileRequested` or `Ended`; ``refusal`` says why the task must not continue.

    An ``unfit`` node keeps its worker occupied for a while, since otherwise it would be given one task after the other.
    """

    contents: Mapping[str, bytes] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    refusal: str = ""
    unfit: bool = False


@dataclass(frozen=True)
class Signal:
    """The coordinator's message to all tasks at once, about once per second.

    Its ``count`` is incremented when everything that was sent has been read.  Until then a task sends no further
    reports and repeats no question, so that messages do not pile up while nobody reads them.  A new ``session`` may
    lack what was sent to the previous one.  ``refused`` are attempts that must not continue; if ``stop`` is set, none
    may.
    """

    session: str
    count: int = 0
    stop: bool = False
    refused: frozenset[str] = frozenset()


class Channel(ABC):
    """Carries messages from a node; picklable, since it travels with the task.

    A message is lost if the coordinator ends or is interrupted while reading it, since the engine has then delivered
    it.
    """

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send a message to the coordinator; may raise any exception if the engine no longer works."""

    @abstractmethod
    def answers(self, question: str) -> AbstractContextManager[Callable[[float], Answer | None]]:
        """Provide, within this block, a function that waits a number of seconds for the answer, or returns None."""

    @abstractmethod
    def signal(self) -> Signal:
        """Return the last signal that was given."""
