"""All exceptions of the project.

::

    BenchError
    ├── UsageError (also a ValueError)   the request was wrong: exit code 2, nothing is lost
    │   ├── OptionError                  an option is unknown, has the wrong type or is out of range
    │   ├── UnknownName                  there is no plugin of that name
    │   ├── PluginError                  a plugin's file is missing or broken, or it breaks its contract
    │   ├── DataError                    data are missing, truncated, not finite or have the wrong shape
    │   └── StoreError                   a run folder cannot be read or written
    │       ├── Damaged                  a stored file is missing, or is not as it was written
    │       └── WriteFailed              a file cannot be written: the disk is full or read-only, for instance
    └── Diverged                         a trial's bound is NaN, infinite or has dropped far below its start
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BenchError(Exception):
    """Base class of all exceptions that the project raises deliberately."""


class UsageError(BenchError, ValueError):
    """The request was wrong. The message says what is allowed and what to do."""


class OptionError(UsageError):
    """An option is unknown, has the wrong type or is out of range."""


class UnknownName(UsageError):
    """There is no plugin of that name. The message suggests similar names."""


class PluginError(UsageError):
    """A plugin's file is missing, fails on import or defines no plugin, or a return value breaks the contract."""


class DataError(UsageError):
    """Data are missing, truncated, not finite or have the wrong shape."""


class StoreError(UsageError):
    """A run folder cannot be read or written."""


class Damaged(StoreError):
    """A stored file is missing, or differs from what was written."""

    def __init__(self, file: str, why: str) -> None:
        """``file`` is its name within its folder."""
        super().__init__(f"{file} is damaged ({why}): the same `bench run` makes it anew.")
        self.file = file
        self.why = why


class WriteFailed(StoreError):
    """A file cannot be written: the disk is full or read-only, for instance."""

    def __init__(self, message: str, why: str = "") -> None:
        """``why`` is the operating system's reason."""
        super().__init__(message)
        self.why = why


class Diverged(BenchError):
    """A trial's bound is NaN, infinite or has dropped far below its start."""


def in_words(error: BaseException) -> str:
    """Return an exception raised by foreign code as text, even if its message cannot be read.

    Example:
        >>> in_words(KeyError("x"))
        "KeyError: 'x'"
    """
    try:
        message = str(error)
    except Exception as another:  # noqa: BLE001  # of a plugin's class
        message = f"(its message cannot be read: {type(another).__name__})"
    return f"{type(error).__name__}: {message}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown name: similar names, then all known names.

    Example:
        >>> print("Unknown algorithm 'wakeslep'." + did_you_mean("wakeslep", ["aevb", "mcem", "wakesleep"]))
        Unknown algorithm 'wakeslep'. Did you mean 'wakesleep'? Known: aevb, mcem, wakesleep.
    """
    known = sorted(known)
    similar = difflib.get_close_matches(name, known, n=2, cutoff=0.55)
    suggestion = f" Did you mean {' or '.join(map(repr, similar))}?" if similar else ""
    return f"{suggestion} Known: {', '.join(known) or 'none'}."
