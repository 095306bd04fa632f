"""A user's own back end in one file: the tasks from last to first, in the calling process."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from bench.execution.backend import Backend, Outcome, ResultT, TaskT, Workers
from bench.options import option


@dataclass(frozen=True)
class Options:
    """Options of the back end."""

    log: str = option("", "a file that gets a line for each task")


class Backwards(Backend):
    """The last task first (a user's own file)."""

    Options = Options

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """See `Backend.run`."""
        for task in reversed(tasks):
            with open(self.options.log, "a", encoding="utf-8") as file:  # noqa: PTH123  # short is what counts here
                file.write("task\n")
            yield Outcome(task, function(task))
