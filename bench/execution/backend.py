"""The contract of a back end, which calls a function on every task: in worker processes, in threads, on a cluster.

A back end knows nothing of trials and run folders, and whoever uses it knows nothing of processes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import ClassVar, Generic, Self, TypeVar

from bench.plugins import Plugin

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")


@dataclass(frozen=True)
class Workers:
    """How many workers run at once, and how many threads each of them computes with.

    ``setup`` is picklable and without arguments.  Each new worker process calls it once, before its first task; its
    exceptions are ignored, since it only brings forward what the first task would do: imports, above all.
    ``time_limit`` is in seconds: a task that takes longer is stopped, whatever it is doing.
    """

    count: int = 1
    threads: int = 1
    setup: Callable[[], object] | None = None
    time_limit: float | None = None


@dataclass(frozen=True)
class Outcome(Generic[TaskT, ResultT]):
    """The outcome of a task: its result; or, without one, why its worker ``died``, or that it was ``timed_out``."""

    task: TaskT
    result: ResultT | None = None
    died: str = ""
    timed_out: bool = False


class Backend(Plugin, ABC):
    """Runs tasks and yields the outcome of each.  A plugin is one file with one class that defines ``run``.

    Used in a ``with`` statement, so that its workers are stopped at the end of the block.

    >>> from bench.execution.backends.sequential import Sequential
    >>> with Sequential() as backend:
    ...     [(outcome.task, outcome.result) for outcome in backend.run(abs, [-3, 2], Workers())]
    [(-3, 3), (2, 2)]
    """

    max_workers: ClassVar[int | None] = None  # no limit
    is_remote: ClassVar[bool] = False  # whether tasks may run on other machines, of whose devices nothing is known here

    @abstractmethod
    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """Call ``function`` on each task, ``workers.count`` at a time, and yield the outcomes in the order they arrive.

        Function and tasks are picklable.  A task may be given to ``function`` more than once if a worker has died, so
        that a second call must be harmless.  A worker's death is an outcome of its task and stops no other task; an
        exception raised by ``function`` is raised here.  A back end that cannot stop a worker ignores the time limit.
        """

    def adopt(self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers) -> Sequence[TaskT]:
        """The tasks that an earlier process of this command has left under way: `run` goes on with them.

        Called before `run` with the same arguments, and before the caller changes anything that belongs to the tasks;
        what else that process has left is ended first.  By default nothing is left.
        """
        return ()

    @classmethod
    def left_under_way(cls, root: Path, used: Backend | None) -> str:  # noqa: ARG003  # by default
        """The tasks that a former process has left under way in a run folder, and how to go on with them, in words.

        Empty if there are none, or if the back end that is ``used`` there now, if any, goes on with them.  By default
        nothing is left.
        """
        return ""

    def prepare(self, workers: Workers) -> None:
        """Begin to start workers and return at once: they get ready while the caller prepares the tasks.

        By default nothing happens.
        """

    def stop(self) -> None:
        """End all workers within seconds; calling it again does nothing.

        Tasks under way get the signal SIGTERM first, and some time to keep what they have.  By default nothing happens.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
