"""Child processes of a worker: found by a mark in their environment, even if they have another parent by now."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

MARK = "BENCH_WORKER"  # the environment variable; children inherit it
MOST_ROUNDS = 10  # new processes may appear while others are killed


def kill_marked(value: str) -> None:
    """Kill all processes that were started with MARK=value in their environment.  Does nothing without /proc."""
    if sys.platform != "linux":
        return
    for _ in range(MOST_ROUNDS):
        marked = _marked(f"{MARK}={value}".encode())
        if not marked:
            return
        for process in marked:
            try:
                os.kill(process, signal.SIGKILL)
            except OSError:  # it has ended in the meantime
                continue


def _marked(entry: bytes) -> list[int]:
    """All processes with this entry in their environment; those that have ended have none."""
    marked = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if entry in path.read_bytes().split(b"\0"):
                marked.append(int(path.parent.name))
        except OSError:  # another user's, or gone
            continue
    return marked
