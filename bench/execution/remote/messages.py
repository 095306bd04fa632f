"""Messages between a task on a node and its coordinator, and what carries them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

from bench.execution.remote.versions import Versions


@dataclass(frozen=True)
class Message:
    """A message from an ``attempt`` at the task with this ``key``; a task begins anew elsewhere if its node is lost.

    One that has an answer is a question: it has a ``number`` among those of its attempt, the same whenever it is
    sent again.
    """

    key: str
    attempt: str
    number: int = field(default=0, kw_only=True)

    @property
    def question(self) -> str:
        """A name for it that no other question has."""
        return f"{self.attempt}-{self.number}"


@dataclass(frozen=True)
class Begun(Message):
    """The task begins on a machine; the answer holds the contents of its folder, by name."""

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
    """The task's ``result``, pickled; or why there is none.

    ``manifest`` are the hashes of all that is in its folder, by name, None if nothing was written.  The answer names
    what has not arrived.
    """

    manifest: Mapping[str, str] | None = None
    result: bytes = b""
    died: str = ""
    timed_out: bool = False
    stopped: bool = False
    raised: bytes = b""  # the exception of the task's function, pickled


@dataclass(frozen=True)
class Answer:
    """The answer to `Begun`, `FileRequested` or `Ended`; ``refusal`` says why the task is not to go on.

    An ``unfit`` node keeps the place of its worker taken for a while: it would be given one task after the other.
    """

    contents: Mapping[str, bytes] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    refusal: str = ""
    unfit: bool = False


@dataclass(frozen=True)
class Signal:
    """The coordinator's message to all tasks at once, about once per second.

    Its ``count`` grows when everything that was sent has been read: a task sends nothing unasked before that, nor a
    question again, so that messages do not pile up while nobody reads them.  A new ``session`` may lack what was sent
    to the one before.  ``refused`` are attempts that are not to go on, and if ``stop``, none is.
    """

    session: str
    count: int = 0
    stop: bool = False
    refused: frozenset[str] = frozenset()


class Channel(ABC):
    """Carries messages from a node; picklable, since it travels with the task.

    A message is lost if the coordinator ends, or is interrupted, while it reads: the engine has delivered it then.
    """

    @abstractmethod
    def send(self, message: Message) -> None:
        """Send a message to the coordinator; raises anything if the engine does not work any more."""

    @abstractmethod
    def answers(self, question: str) -> AbstractContextManager[Callable[[float], Answer | None]]:
        """A function, within this block, that waits so many seconds for the answer; None if there is none then."""

    @abstractmethod
    def signal(self) -> Signal:
        """The last one that was given."""
