"""Paths that users give."""

from __future__ import annotations

import errno
import os
import stat
from os import PathLike
from pathlib import Path

from bench.errors import StoreError, UsageError
from bench.values.texts import quoted

LONGEST = 255  # bytes of a name on the usual file systems


def user_path(name: str, given: str | PathLike[str], error: type[UsageError] = StoreError) -> Path:
    """The path that the argument called ``name`` gives, with ``~`` expanded; nothing need be there.

    Raises ``error`` for what is no path, or one that this user cannot look into: a name that is too long, a folder
    without permission, the home folder of an unknown user.

    >>> user_path("out", "runs/new").parts
    ('runs', 'new')
    >>> user_path("out", "x" * 300)
    Traceback (most recent call last):
    bench.errors.StoreError: `out` ... cannot be used (File name too long): give another path.
    """
    try:
        path = Path(given).expanduser()
        obstacle = _obstacle(path)
    except (RuntimeError, ValueError, TypeError) as problem:
        obstacle = str(problem).rstrip(".")
    if obstacle:
        shown = str(given) if isinstance(given, PathLike) else given
        raise error(f"`{name}` {quoted(shown)} cannot be used ({obstacle}): give another path.")
    return path


def _obstacle(path: Path) -> str:
    """Why this user cannot look at what is, or will be, at a path, in words; empty if that is possible."""
    if any(len(os.fsencode(part)) > LONGEST for part in path.parts):  # also below a folder that is still to be made
        return os.strerror(errno.ENAMETOOLONG)
    try:
        if stat.S_ISDIR(path.stat().st_mode):
            os.scandir(path).close()
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except OSError as problem:
        return problem.strerror or str(problem)
    return ""
