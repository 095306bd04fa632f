"""How the `bench` command stops: on Ctrl-C, on `kill`, and when its terminal is closed."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PATIENCE = 10  # seconds for cleaning up; then the process ends together with its workers


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


def _stop(number: int, frame: FrameType | None) -> NoReturn:  # noqa: ARG001  # the signature of a handler
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)
    stopped = Stopped(number)
    if hasattr(signal, "SIGALRM"):  # a destructor, for instance, may swallow the exception
        signal.signal(signal.SIGALRM, lambda *_: os._exit(stopped.exit_code))
        signal.alarm(PATIENCE)
    raise stopped
