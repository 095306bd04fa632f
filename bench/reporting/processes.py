"""Work shared out over forked processes, which inherit everything that was read and imported before."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar, cast

T = TypeVar("T")

_inherited: Sequence[Callable[[], object]] = ()  # in a process that was forked


def safe_number() -> int:
    """How many processes may be forked: one per core on Linux if no other thread runs, else 1.

    On other systems, a forked process may not use the system's libraries, and a new process would spend more time on
    importing torch and matplotlib than on its figures.
    """
    alone = sys.platform == "linux" and threading.active_count() == 1
    return len(os.sched_getaffinity(0)) if alone else 1


def run_in_processes(work: Sequence[Callable[[], T]], processes: int) -> Iterator[tuple[int, T]]:
    """``(i, work[i]())`` for each i, in the order in which they end.

    The work of a process that dies is left out.
    """
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor, as_completed
    from concurrent.futures.process import BrokenProcessPool

    gc.freeze()  # a collection would touch, and so copy, all that the processes share
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(min(processes, len(work)), fork, initializer=_inherit, initargs=(work,)) as pool:
        futures = {pool.submit(_call, i): i for i in range(len(work))}
        for future in as_completed(futures):
            try:
                yield futures[future], cast(T, future.result())
            except BrokenProcessPool:
                continue
    gc.unfreeze()


def _inherit(work: Sequence[Callable[[], object]]) -> None:
    global _inherited  # noqa: PLW0603  # a forked process does nothing else
    _inherited = work


def _call(i: int) -> object:
    return _inherited[i]()
