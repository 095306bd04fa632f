"""How the `bench` command stops: on Ctrl-C, on `kill`, and when its terminal is closed."""

from __future__ import annotations

import os
import signal
import time
from types import FrameType

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PATIENCE = 10  # seconds for cleaning up; then the process ends together with its workers
POLLING_INTERVAL = 0.05  # seconds until the next look at whether an import has finished
INSTALLED = f"-packages{os.sep}"  # of the path of a library: site-packages, or dist-packages on Debian


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
    _end(Stopped(number), frame, time.monotonic() + PATIENCE)


def _end(stopped: Stopped, frame: FrameType | None, deadline: float) -> None:
    """Raise ``stopped``, but only after a library that is being imported at ``frame``, and at most until ``deadline``.

    While a library is imported, its native code calls Python where an exception is swallowed or, as in parts of
    PyTorch, aborts the process.
    """
    if hasattr(signal, "SIGALRM"):
        remaining = deadline - time.monotonic()
        if _is_importing_library(frame) and remaining > 0:
            signal.signal(signal.SIGALRM, lambda _, frame: _end(stopped, frame, deadline))
            signal.setitimer(signal.ITIMER_REAL, POLLING_INTERVAL)
            return
        # a destructor, for instance, may swallow the exception
        signal.signal(signal.SIGALRM, lambda *_: os._exit(stopped.exit_code))
        signal.setitimer(signal.ITIMER_REAL, max(remaining, POLLING_INTERVAL))
    raise stopped


def _is_importing_library(frame: FrameType | None) -> bool:
    """Whether the innermost module that is being executed is an installed one; a user's file may be interrupted."""
    while frame is not None and frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return frame is not None and frame.f_globals["__name__"] != "__main__" and INSTALLED in frame.f_code.co_filename
