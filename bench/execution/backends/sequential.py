"""One task after the other, in the calling process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench.execution.backend import Backend, Outcome, ResultT, TaskT, Workers


class Sequential(Backend):
    """One trial after the other in the calling process, for tests and debuggers.

    A trial that crashes takes the whole run with it; the same command resumes it.
    """

    max_workers = 1

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """See `Backend.run`."""
        for task in tasks:
            yield Outcome(task, function(task))
