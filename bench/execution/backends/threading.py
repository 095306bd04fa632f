"""Threads of the calling process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.pool import ThreadPool

from bench.execution.backend import Backend, Outcome, ResultT, TaskT, Workers


class Threading(Backend):
    """Threads of the calling process: they start at once and share its memory.

    Python's global lock makes them slower than processes.  A trial that crashes takes the whole run with it; the same
    command resumes it.
    """

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """See `Backend.run`; a thread cannot be stopped, but it does not keep the process from exiting either."""
        with ThreadPool(workers.count) as pool:
            yield from pool.imap_unordered(partial(_outcome, function), tasks)


def _outcome(function: Callable[[TaskT], ResultT], task: TaskT) -> Outcome[TaskT, ResultT]:
    return Outcome(task, function(task))
