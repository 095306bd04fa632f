"""How a command ends: with which exit code, and with which message if not well.

Exit code 1 is an answer: of `bench compare` and `bench perf` that something got worse, of `bench check` that a check
failed.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable
from typing import TextIO

import click

from bench.errors import UsageError
from bench.values.texts import printable, quoted

WRONG = 2  # the command was wrong, or a file or folder that it needs cannot be used
SOME_FAILED = 3
CRASHED = 70  # a bug: EX_SOFTWARE of sysexits.h
INTERRUPTED = 130  # 128 + SIGINT
STOPPED = "Interrupted. Finished trials are kept; run the same command again to continue."
OUTPUT_CLOSED = 141  # 128 + SIGPIPE: the reader of the output (head, less) has gone


def code_of(command: Callable[[], object]) -> int:
    """Call a command and return its exit code; any exception is reported as one message on the error stream."""
    code = _called(command)
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        code = _without_output(error)
    _forget_if_closed(sys.stderr)
    return code


def _called(command: Callable[[], object]) -> int:
    try:
        code = _unwrapped(command)
    except click.exceptions.Exit as left:
        return left.exit_code
    except UsageError as error:
        return _failed(f"Error: {error}", WRONG)
    except click.ClickException as error:
        _say(error.show)
        return WRONG
    except (KeyboardInterrupt, click.Abort) as stop:
        # for `bench.cli.signals.Stopped`, the code for the signal that was received
        return _failed(STOPPED, int(getattr(stop, "exit_code", INTERRUPTED)))
    except OSError as error:
        return _without_output(error) if error.filename is None else _failed(_about_file(error), WRONG)
    except BaseException as error:  # noqa: BLE001  # also SystemExit: no command raises it, so a plugin did
        _say(traceback.print_exception, error)
        return _failed(
            f"Error: bench has crashed ({type(error).__name__}): please report it, with the lines above.", CRASHED
        )
    return code if isinstance(code, int) else 0


def _unwrapped(command: Callable[[], object]) -> object:
    """Call a command; re-raise an interrupt that click or an import has converted into another exception."""
    try:
        return command()
    except BaseException as error:
        cause = error.__cause__
        while cause is not None and not isinstance(cause, KeyboardInterrupt):
            cause = cause.__cause__
        if cause is not None:
            raise cause from None
        raise


def _without_output(error: OSError) -> int:
    """Handle an error that names no file: the output was closed or cannot be written."""
    if isinstance(error, BrokenPipeError):
        _forget(sys.stdout)
        return OUTPUT_CLOSED
    _forget_if_closed(sys.stdout)
    return _failed(f"Error: the output cannot be written ({error.strerror or error}).", WRONG)


def _about_file(error: OSError) -> str:
    name = error.filename.decode(errors="replace") if isinstance(error.filename, bytes) else str(error.filename)
    return f"Error: {quoted(name)} cannot be read or written ({error.strerror})."


def _failed(message: str, code: int) -> int:
    _say(click.echo, printable(message), err=True)
    return code


def _say(show: Callable[..., object], *arguments: object, **keywords: object) -> None:
    """Show something on the error stream, unless the stream is closed."""
    try:
        show(*arguments, **keywords)
    except OSError:
        _forget_if_closed(sys.stderr)


def _forget_if_closed(stream: TextIO | None) -> None:
    try:
        if stream is not None:
            stream.flush()
    except OSError:
        _forget(stream)


def _forget(stream: TextIO | None) -> None:
    """Discard the remaining output of a stream; if writing it failed, Python would choose the exit code itself."""
    if stream is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
