"""A request to stop, as the signal SIGTERM: a trial follows it between two updates, keeps its state and ends."""

from __future__ import annotations

import signal
import threading

_requested = threading.Event()
_is_worker = threading.Event()


def listen() -> None:
    """Treat SIGTERM as a request to stop, and leave Ctrl-C to the caller; runs in a worker process."""
    for name in ("SIGINT", "SIGHUP"):  # a terminal sends them to all processes
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: _requested.set())
    _is_worker.set()


def is_requested() -> bool:
    """Whether there has been a request since the last `forget`."""
    return _requested.is_set()


def forget() -> None:
    """Forget a request to stop an earlier task, and undo that task's changes to the signals of a worker."""
    _requested.clear()
    if _is_worker.is_set():
        listen()


def is_by_user(error: BaseException) -> bool:
    """Whether this is a Ctrl-C, which ends the whole run; in a worker process it can only come from a plugin."""
    return isinstance(error, KeyboardInterrupt) and not _is_worker.is_set()
