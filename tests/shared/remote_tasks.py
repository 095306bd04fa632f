"""Tasks of the tests for other machines, and what carries their messages within this process."""

from __future__ import annotations

import operator
import pickle
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

import cloudpickle

from bench.execution.portable import TaskFiles
from bench.execution.remote.messages import Answer, Channel, Message, Signal, Written

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests


@dataclass(frozen=True)
class Copy:
    """A task that copies a file of the user's into its folder, and counts how often it was begun."""

    root: Path
    source: str = ""

    @property
    def files(self) -> TaskFiles:
        """Its files."""
        return TaskFiles(self.root, Path("trials/a"), "status", (self.source,) if self.source else ())

    def moved(self, root: Path) -> Copy:
        """With another root."""
        return replace(self, root=root)

    def __reduce__(self) -> tuple[Any, ...]:
        """Processes of a node cannot import tests."""
        return operator.call, (ByValue(Copy), self.root, self.source)


class ByValue:
    """A function or class of this module, which is pickled with its code, whatever pickles it."""

    def __init__(self, content: Any) -> None:
        self.content = content
        self.__qualname__ = content.__qualname__

    def __reduce__(self) -> tuple[Any, ...]:
        return cloudpickle.loads, (cloudpickle.dumps(self.content),)


def copy(task: Copy) -> int:
    """The function of the task."""
    from bench.values.places import here

    folder = task.root / "trials" / "a"
    begun = folder / "begun"
    number = int(begun.read_text()) + 1 if begun.exists() else 1
    begun.write_text(str(number))
    (folder / "old").unlink(missing_ok=True)
    (folder / "model").write_bytes(here(task.source).read_bytes() if task.source else b"")
    (folder / "status").write_text("done")
    return number


@dataclass
class InProcess(Channel):
    """A channel in this process; what the ``lost`` th messages have written does not arrive."""

    inbox: SimpleQueue[Message] = field(default_factory=SimpleQueue)
    answered: defaultdict[str, SimpleQueue[Answer]] = field(default_factory=lambda: defaultdict(SimpleQueue))
    lost: tuple[int, ...] = ()
    written: int = 0
    kinds: list[type[Message]] = field(default_factory=list)
    given: Signal = field(default_factory=lambda: Signal("one"))

    def send(self, message: Message) -> None:
        """See `Channel`."""
        self.kinds.append(type(message))
        if isinstance(message, Written):
            self.written += 1
            if self.written in self.lost:
                message = replace(message, contents={})
        self.inbox.put(pickle.loads(pickle.dumps(message)))  # noqa: S301

    def answer(self, question: str, answer: Answer) -> None:
        """For the coordinator."""
        self.answered[question].put(answer)

    @contextmanager
    def answers(self, question: str) -> Iterator[Callable[[float], Answer | None]]:
        """See `Channel`."""

        def wait(seconds: float) -> Answer | None:
            try:
                return self.answered[question].get(timeout=seconds)
            except Empty:
                return None

        yield wait

    def signal(self) -> Signal:
        """See `Channel`."""
        return self.given


def counted(task: Copy) -> int:
    """A function that writes all the time, until there is a file."""
    folder = task.root / "trials" / "a"
    (folder / "status").write_text("counting")
    count = 0
    while not Path(task.source, "enough").exists():
        count += 1
        (folder / "new").write_text(str(count))
        (folder / "new").replace(folder / "counts")
        time.sleep(0.005)
    return count


def kept(task: Copy) -> int:
    """Count until it is to stop, and write then how far it has come; there is no checkpoint before."""
    from bench.execution import interruption

    interruption.forget()
    folder = task.root / "trials" / "a"
    checkpoint = folder / "checkpoint"
    count = int(checkpoint.read_text()) if checkpoint.exists() else 0
    while not interruption.is_requested():
        count += 1
        (folder / "new").write_text(f"at {count}")
        (folder / "new").replace(folder / "status")
        time.sleep(0.005)
    checkpoint.write_text(str(count))
    (folder / "status").write_text("stopped")
    return count
