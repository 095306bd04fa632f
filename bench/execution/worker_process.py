"""A worker process: it is given one task at a time, asked to stop, killed, and ends with its parent."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any, TypeVar

from joblib.externals.loky import ProcessPoolExecutor, process_executor

from bench.execution import interruption, waiting
from bench.execution.backend import Workers
from bench.process import child_processes

ResultT = TypeVar("ResultT")

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
PR_SET_PDEATHSIG = 1  # of prctl(2): the signal that Linux sends to a process when its parent has ended


class WorkerProcess:
    """A process that runs one task after the other; loky starts it and talks to it."""

    def __init__(self, workers: Workers) -> None:
        """Start the process, and return at once."""
        self.beginning = _beginning(workers)
        self._mark = uuid.uuid4().hex
        self._waiting = Path(tempfile.gettempdir(), f"bench-waiting-{self._mark}")
        self._executor = ProcessPoolExecutor(
            max_workers=1,
            timeout=None,
            initializer=_begin,
            initargs=(Path.cwd(), os.getpid(), workers.setup),
            env={
                **dict.fromkeys(THREAD_LIMITS, str(workers.threads)),
                **SHARED_CORES,
                child_processes.MARK: self._mark,
                waiting.VARIABLE: str(self._waiting),
            },
        )
        self._calls: set[Future[Any]] = set()  # calls that may not have returned
        self.ready = self.submit(os.getpid)
        self._began: float | None = None  # when the task began

    def fits(self, workers: Workers) -> bool:
        """Whether a process started now would be set up in the same way as this one."""
        return self.beginning == _beginning(workers)

    @property
    def is_idle(self) -> bool:
        """Whether it is alive and has no task."""
        return all(call.done() and call.exception() is None for call in self._calls)

    def submit(self, function: Callable[..., ResultT], *task: object) -> Future[ResultT]:
        """Let the process call the function.  No other call may be running, except for its start."""
        with signals_blocked():
            call: Future[ResultT] = self._executor.submit(function, *task)
        self._calls = {call, *(call for call in self._calls if not call.done())}
        self._began = None
        return call

    def seconds_left(self, limit: float) -> float:
        """Return the seconds until the task reaches ``limit``; time spent starting or waiting does not count."""
        if not self.ready.done() or self._waiting.exists():
            self._began = None
            return limit
        now = time.monotonic()
        self._began = self._began or now
        return self._began + limit - now

    def ask_to_stop(self) -> set[Future[Any]]:
        """Send SIGTERM if a task is running; returns the calls that may end because of it.

        A process that is still starting has not begun a task, so there is nothing to wait for.
        """
        under_way = {call for call in self._calls if not call.done()}
        if not under_way or not self.ready.done() or self.ready.exception() is not None:
            return set()
        with suppress(ProcessLookupError):
            os.kill(self.ready.result(), signal.SIGTERM)
        return under_way

    @property
    def is_alive(self) -> bool:
        """Whether it is alive according to the operating system, since a process without a task may die unnoticed."""
        if not hasattr(os, "waitid") or not self.ready.done() or self.ready.exception() is not None:
            return True
        try:
            return os.waitid(os.P_PID, self.ready.result(), os.WEXITED | os.WNOHANG | os.WNOWAIT) is None
        except ChildProcessError:  # its death has been noticed
            return False

    def notice_death(self) -> None:
        """Let the running call fail if the process has died, since processes that it has forked keep its pipes open."""
        if not self.is_alive:
            child_processes.kill_marked(self._mark)

    def kill(self) -> None:
        """End the process immediately, along with those that it has started."""
        deadline = time.monotonic() + 1
        while any(not call.running() and not call.done() for call in self._calls) and time.monotonic() < deadline:
            time.sleep(0.001)  # just after a call was submitted, loky's thread would fail with a traceback
        self._executor.shutdown(wait=True, kill_workers=True)
        child_processes.kill_marked(self._mark)
        self._waiting.unlink(missing_ok=True)


def kill_all(processes: list[WorkerProcess], patience: float) -> None:
    """Ask the tasks to stop, and kill all processes once they have stopped or after ``patience`` seconds."""
    wait({call for process in processes for call in process.ask_to_stop()}, timeout=patience)
    for process in processes:
        process.kill()


def _beginning(workers: Workers) -> tuple[object, ...]:
    """Return what the start of a process depends on; engines change the visible devices from task to task."""
    return Path.cwd(), workers.threads, workers.setup, os.environ.get("CUDA_VISIBLE_DEVICES")


def _begin(folder: Path, parent: int, setup: Callable[[], object] | None) -> None:
    """Prepare a new process: use the caller's folder, leave signals to the caller, end with it, and run the setup."""
    interruption.listen()
    _end_with(parent)
    process_executor._MAX_MEMORY_LEAK_SIZE = math.inf  # noqa: SLF001  # a model may be large: loky would end the process
    os.chdir(folder)
    if setup is not None:
        with suppress(Exception):
            setup()


def _end_with(parent: int) -> None:
    """End this process soon after the ``parent`` has ended for any reason; on Linux even in native code."""
    if sys.platform == "linux":
        with suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    if sys.platform != "win32":  # there os.getppid() never changes
        threading.Thread(target=watch, daemon=True).start()


@contextmanager
def signals_blocked() -> Iterator[None]:
    """Delay Ctrl-C, so that processes started in this block inherit the mask: a terminal sends it to them as well.

    Otherwise they would print a traceback if they are interrupted before `_begin`.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # needed by the first process; starting it later would unblock the signals
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
