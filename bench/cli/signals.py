"""How the `bench` command stops: on Ctrl-C, on `kill`, and when its terminal is closed."""

from __future__ import annotations

import os
import signal
from types import FrameType
from typing import NoReturn

SIGNALS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PATIENCE = 10  # seconds for putting things in order; then the process ends, and its workers with it


class Stopped(KeyboardInterrupt):
    """A signal has arrived; ``exit_code`` is the one by which shells know it: 130, 143 or 129."""

    def __init__(self, number: int) -> None:
        """``number`` is the signal's."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = 128 + number


def listen() -> None:
    """From now on the first signal raises `Stopped`, and no other one disturbs what is put in order then.

    A signal that is ignored already, as by `nohup`, remains so.
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
