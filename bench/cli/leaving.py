"""Leaving the process: threads and exit handlers that plugins have left in it do not keep it."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import suppress
from typing import NoReturn

import click

PATIENCE = 5.0  # seconds


def leave(code: int) -> NoReturn:
    """End the process with this exit code as Python does or, if that takes longer than PATIENCE, immediately."""
    if hasattr(signal, "SIGALRM"):  # for interrupts, which would arrive when Python no longer has a handler for them
        signal.alarm(0)
    threading.Thread(target=_insist, args=(code,), daemon=True).start()
    sys.exit(code)


def _insist(code: int) -> None:
    time.sleep(PATIENCE)
    with suppress(Exception):  # the stream may be closed
        click.echo(f"A plugin's threads or exit handlers have not ended after {PATIENCE:g} s: left behind.", err=True)
    os._exit(code)
