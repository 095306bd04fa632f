"""Worker processes on this machine."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Any, Generic

from joblib.externals.loky import BrokenProcessPool

from bench.execution.backend import Backend, Outcome, ResultT, TaskT, Workers
from bench.execution.worker_process import WorkerProcess, kill_all

DIED = "The worker process died (killed, out of memory, or a crash in native code)."
ATTEMPTS = 2  # at a task whose worker dies: the task may not be the cause
SECONDS_BETWEEN_LOOKS = 1.0  # for workers whose death loky does not see
STOP_SECONDS = 3.0  # given to tasks to stop by themselves


@dataclass
class _Attempt(Generic[TaskT]):
    """A task on a worker, or waiting for one."""

    task: TaskT
    number: int = 1


class Loky(Backend):
    """Worker processes on this machine: a trial that crashes or hangs harms no other trial.

    Source: https://loky.readthedocs.io, in the edition that joblib ships.
    """

    def __init__(self, **settings: object) -> None:
        """No process is started yet."""
        super().__init__(**settings)
        self._processes: list[WorkerProcess] = []

    def prepare(self, workers: Workers) -> None:
        """See `Backend.prepare`."""
        self._start(workers.count, workers)

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """See `Backend.run`.  A task whose worker dies is retried once on another worker."""
        waiting = deque(_Attempt(task) for task in tasks)
        idle = self._start(min(workers.count, len(waiting)), workers)
        under_way: dict[Future[ResultT], tuple[WorkerProcess, _Attempt[TaskT]]] = {}
        while waiting or under_way:
            while waiting and idle:
                process = idle.pop()
                try:
                    call = process.submit(function, waiting[0].task)
                except BrokenProcessPool:  # it has died without a task
                    idle.append(self._replace(process, workers))
                else:
                    under_way[call] = process, waiting.popleft()
            for call in _next_ended(under_way, [process for process, _ in under_way.values()], workers.time_limit):
                process, attempt = under_way.pop(call)
                if call.done() and not isinstance(call.exception(), BrokenProcessPool):
                    idle.append(process)
                    yield Outcome(attempt.task, call.result())
                    continue
                timed_out = not call.done()
                idle.append(self._replace(process, workers))
                if timed_out:
                    yield Outcome(attempt.task, timed_out=True)
                elif attempt.number == ATTEMPTS:
                    yield Outcome(attempt.task, died=DIED)
                else:
                    waiting.append(_Attempt(attempt.task, attempt.number + 1))

    def stop(self) -> None:
        """See `Backend.stop`: processes whose tasks have not stopped after STOP_SECONDS are killed."""
        processes, self._processes = self._processes, []
        kill_all(processes, STOP_SECONDS)

    def _start(self, count: int, workers: Workers) -> list[WorkerProcess]:
        """``count`` processes; those that there are already are kept, since a new one costs seconds of imports."""
        outdated = [process for process in self._processes if not process.fits(workers)]
        kill_all(outdated, 0)
        self._processes = [process for process in self._processes if process not in outdated]
        self._processes += [WorkerProcess(workers) for _ in range(count - len(self._processes))]
        return self._processes[:count]

    def _replace(self, process: WorkerProcess, workers: Workers) -> WorkerProcess:
        process.kill()
        new = WorkerProcess(workers)
        self._processes[self._processes.index(process)] = new
        return new


def _next_ended(
    calls: Iterable[Future[ResultT]], processes: Sequence[WorkerProcess], limit: float | None
) -> list[Future[ResultT]]:
    """Wait until calls have ended or have taken ``limit`` seconds; returns these in the order in which they began."""
    while True:
        left = [process.seconds_left(limit) for process in processes] if limit is not None else []
        ended = [call for i, call in enumerate(calls) if call.done() or (left and left[i] <= 0)]
        if ended:
            return ended
        starting: list[Future[Any]] = [process.ready for process in processes if not process.ready.done()]
        wait([*calls, *starting], timeout=min([*left, SECONDS_BETWEEN_LOOKS]), return_when=FIRST_COMPLETED)
        for process in processes:
            process.notice_death()
