"""How the `bench` command stops: on Ctrl-C, on `kill`, and when its terminal is closed."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PATIENCE = 10  # seconds for cleaning up; then the process ends together with its workers
IMPORT_PATIENCE = 20  # seconds for a library to finish being imported
POLLING_INTERVAL = 0.05  # seconds until the next look at whether it has
LIBRARY_FOLDERS = tuple(f"{os.sep}{name}{os.sep}" for name in ("site-packages", "dist-packages"))


class Stopped(KeyboardInterrupt):
    """A signal has arrived; ``exit_code`` is the shells' code for it: 130, 143 or 129."""

    def __init__(self, number: int) -> None:
        """``number`` is the number of the signal."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def listen() -> None:
    """Make the first signal raise `Stopped`, and ignore later ones so that they do not disturb the cleanup.

    A signal that is already ignored, for example because of `nohup`, remains ignored.
    """
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, frame: FrameType | None) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    _raise_when_safe(Stopped(number), frame, time.monotonic() + IMPORT_PATIENCE)


def _raise_when_safe(stopped: Stopped, frame: FrameType | None, deadline: float) -> None:
    """Raise ``stopped``, but not before ``deadline`` if a library is being imported at ``frame``.

    While a library is imported, its native code calls Python in places where an exception is swallowed or, in parts of
    PyTorch, aborts the process.  Without alarms, as on Windows, it is raised immediately.
    """
    if hasattr(signal, "SIGALRM"):
        if _is_importing_library(frame) and time.monotonic() < deadline:
            signal.signal(signal.SIGALRM, lambda _, frame: _raise_when_safe(stopped, frame, deadline))
            signal.setitimer(signal.ITIMER_REAL, POLLING_INTERVAL)
            return
        signal.signal(signal.SIGALRM, lambda *_: os._exit(stopped.exit_code))
        signal.setitimer(signal.ITIMER_REAL, PATIENCE)  # a destructor, for instance, may swallow the exception
    raise stopped


def _is_importing_library(frame: FrameType | None) -> bool:
    """Whether the code of an installed module is being executed; that of a user's file may be interrupted."""
    while frame is not None:
        is_module = frame.f_code.co_name == "<module>" and frame.f_globals.get("__name__") != "__main__"
        if is_module and any(folder in frame.f_code.co_filename for folder in LIBRARY_FOLDERS):
            return True
        frame = frame.f_back
    return False
