"""The contract of a back end, which calls a function on every task: in worker processes, in threads, on a cluster.

A back end knows nothing about trials and run folders, and its callers know nothing about processes.
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
    """The number of workers that run at once, and the number of threads that each of them computes with.

    ``setup`` is picklable and takes no arguments.  Each new worker process calls it once, before its first task; its
    exceptions are ignored, since it only does in advance what the first task would do, mainly imports.  ``time_limit``
    is in seconds: a task that takes longer is stopped, whatever it is doing.
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

    Use it in a ``with`` statement, so that its workers are stopped at the end of the block.

    >>> from bench.execution.backends.sequential import Sequential
    >>> with Sequential() as backend:
    ...     [(outcome.task, outcome.result) for outcome in backend.run(abs, [-3, 2], Workers())]
    [(-3, 3), (2, 2)]
    """

    max_workers: ClassVar[int | None] = None  # no limit
    is_remote: ClassVar[bool] = False  # whether tasks may run on other machines, whose devices are not known here

    @abstractmethod
    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """Call ``function`` on each task, ``workers.count`` at a time, and yield the outcomes in order of arrival.

        Function and tasks must be picklable.  ``function`` may be called more than once on a task if a worker has died,
        so a second call must be harmless.  A worker's death is an outcome of its task and stops no other task; an
        exception raised by ``function`` is raised here.  A back end that cannot stop a worker ignores the time limit.
        """

    def adopt(self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers) -> Sequence[TaskT]:
        """Return the tasks that an earlier process of this command has left running; `run` continues with them.

        Called before `run` with the same arguments, and before the caller changes anything that belongs to the tasks;
        other tasks left by that process are ended first.  By default there are none.
        """
        return ()

    @classmethod
    def left_under_way(cls, root: Path, used: Backend | None) -> str:  # noqa: ARG003  # by default
        """Describe the tasks that an earlier process has left running in a run folder, and how to continue them.

        Empty if there are none, or if the back end that is now ``used`` there, if any, continues with them.  By default
        there are none.
        """
        return ""

    def prepare(self, workers: Workers) -> None:
        """Begin to start workers and return immediately: they start up while the caller prepares the tasks.

        By default nothing happens.
        """

    def stop(self) -> None:
        """End all workers within seconds; calling it again does nothing.

        Running tasks first receive the signal SIGTERM, and some time to save their state.  By default nothing happens.
        """

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
