"""The processes of a node in which tasks run: those that are idle are kept for a while."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.execution.backend import Workers
from bench.execution.worker_process import WorkerProcess

IDLE_SECONDS = 60.0  # after which an unused process is ended, since the node has other users

idle: list[WorkerProcess] = []
_lock = threading.Lock()
_starter = ThreadPoolExecutor(1)  # Linux ends a process with the thread that started it, and this thread remains


@contextmanager
def process_for(workers: Workers) -> Iterator[WorkerProcess]:
    """Provide a process of this node; it is kept for the next task, since a new one takes seconds for imports."""
    with _lock:
        fitting = [each for each in idle if each.fits(workers) and each.is_alive]
        outdated = [each for each in idle if each not in fitting]
        process = fitting.pop() if fitting else None
        idle[:] = fitting
    for each in outdated:
        each.kill()
    if process is None:
        with _children_allowed():
            process = _starter.submit(WorkerProcess, workers).result()
    try:
        yield process
    finally:
        if process.is_idle:
            with _lock:
                idle.append(process)
            timer = threading.Timer(IDLE_SECONDS, end_if_idle, [process])
            timer.daemon = True
            timer.start()
        else:
            process.kill()


def end_if_idle(process: WorkerProcess) -> None:
    """End a process if it is idle, called after some time; one that has worked in between may end a little early."""
    with _lock:
        is_idle = process in idle
        if is_idle:
            idle.remove(process)
    if is_idle:
        process.kill()


@contextmanager
def _children_allowed() -> Iterator[None]:
    """Allow children within this block: engines start workers as daemons, for which multiprocessing forbids them.

    The restriction guards against children that outlive their parent, but ours end with their parent in any case.
    """
    config: dict[str, object] = getattr(multiprocessing.current_process(), "_config", {})
    with _lock:
        before = config.get("daemon")
        if before:
            config["daemon"] = False
        try:
            yield
        finally:
            if before:
                config["daemon"] = before
