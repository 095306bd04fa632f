"""A back end that says that its trials run on other machines: what they are is not known before."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from bench import Backend, Outcome, Workers
from bench.execution.backend import ResultT, TaskT


class Elsewhere(Backend):
    """One trial after the other, here after all."""

    is_remote = True

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """See `Backend.run`."""
        for task in tasks:
            yield Outcome(task, function(task))
