"""Worker processes on this machine, by joblib's loky."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from joblib.externals.loky import ProcessPoolExecutor, get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from bench.execution.backend import Backend, Outcome, ResultT, TaskT, Workers

DIED = "The worker process died (killed, out of memory, or a crash in native code)."
IDLE_SECONDS = 300  # after which a worker without a task exits
THREAD_LIMITS = (  # environment variables, read by numerical libraries when they are imported
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMBA_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
SHARED_CORES = {"ENABLE_IPC": "1"}  # lets the schedulers of Intel's TBB know of each other


class Loky(Backend):
    """Worker processes on this machine: a trial that crashes its process harms no other trial.

    Source: https://loky.readthedocs.io, in the edition that joblib ships.
    """

    def __init__(self, **settings: object) -> None:
        """No process is started yet."""
        super().__init__(**settings)
        self._pool: ProcessPoolExecutor | None = None
        self._size = 0  # processes that the pool has been given so far
        self._calls: set[Future[Any]] = set()  # that have been submitted to it and may not have returned

    def prepare(self, workers: Workers) -> None:
        """See `Backend.prepare`."""
        self._submit(self._open(workers.count, workers), os.getpid)

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """See `Backend.run`.

        If a worker dies, loky ends all others and does not say which one it was.  So every task that was under way is
        run again alone: if its worker dies again, the task is the cause.
        """
        waiting = deque(tasks)
        while waiting:
            suspects = yield from self._hand_out(function, waiting, min(workers.count, len(waiting)), workers)
            for task in suspects:
                if (yield from self._hand_out(function, deque([task]), 1, workers)):
                    yield Outcome(task, died=DIED)

    def stop(self) -> None:
        """Kill the worker processes."""
        if self._pool is not None:
            deadline = time.monotonic() + 1
            while any(not call.running() and not call.done() for call in self._calls) and time.monotonic() < deadline:
                time.sleep(0.001)  # at a call that has only just been submitted the pool's thread would fail, loudly
            self._pool.shutdown(wait=True, kill_workers=True)
        self._forget_pool()

    def _submit(self, pool: ProcessPoolExecutor, function: Callable[..., ResultT], *task: object) -> Future[ResultT]:
        """Have a worker call the function; starts the workers if none has been started yet."""
        with _interrupts_blocked():
            call: Future[ResultT] = pool.submit(function, *task)
        self._calls = {call, *(call for call in self._calls if not call.done())}
        return call

    def _hand_out(
        self, function: Callable[[TaskT], ResultT], waiting: deque[TaskT], at_once: int, workers: Workers
    ) -> Generator[Outcome[TaskT, ResultT], None, list[TaskT]]:
        """Run the waiting tasks until all are done or a worker dies; returns those that were under way at its death."""
        pool = self._open(at_once, workers)
        under_way: dict[Future[ResultT], TaskT] = {}
        outcomes: list[Outcome[TaskT, ResultT]] = []
        suspects: list[TaskT] = []
        broken = False
        while True:
            try:
                while waiting and not broken and len(under_way) < at_once:  # what still waits is never a suspect
                    call = self._submit(pool, function, waiting[0])
                    under_way[call] = waiting.popleft()
            except TerminatedWorkerError:
                broken = True
            yield from outcomes
            if not under_way:
                break
            outcomes = []
            for call in wait(under_way, return_when=FIRST_COMPLETED).done:
                task = under_way.pop(call)
                if isinstance(call.exception(), TerminatedWorkerError):
                    suspects.append(task)
                    broken = True
                else:
                    outcomes.append(Outcome(task, call.result()))
        if broken:
            self._forget_pool()
        return suspects

    def _open(self, at_least: int, workers: Workers) -> ProcessPoolExecutor:
        """The pool, grown if it is too small.  It never shrinks: a new process costs seconds of imports."""
        if self._size < at_least:
            wait(self._calls)  # only an idle pool can grow
        self._size = max(self._size, at_least)
        self._pool = get_reusable_executor(
            max_workers=self._size,
            timeout=IDLE_SECONDS,
            initializer=_begin,
            initargs=(Path.cwd(), workers.setup),
            env={**dict.fromkeys(THREAD_LIMITS, str(workers.threads)), **SHARED_CORES},
        )
        return self._pool

    def _forget_pool(self) -> None:
        self._pool, self._size, self._calls = None, 0, set()


def _begin(folder: Path, setup: Callable[[], object] | None) -> None:
    """In a new worker process: be where the caller is, leave Ctrl-C to the caller, get ready."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.chdir(folder)
    if setup is not None:
        with suppress(Exception):
            setup()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """Delay Ctrl-C, so that processes started meanwhile inherit the block: a terminal sends it to them as well.

    Without it they would print a traceback if they are interrupted before `_begin`.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # which the first process needs, and whose start would lift the block
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
