"""Paths that users give."""

from __future__ import annotations

import os
import stat
from os import PathLike
from pathlib import Path

from bench.errors import StoreError, UsageError
from bench.texts import quoted


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
        if stat.S_ISDIR(path.stat().st_mode):
            with os.scandir(path):
                return path
    except (FileNotFoundError, NotADirectoryError):
        return path
    except OSError as problem:
        reason = problem.strerror
    except (RuntimeError, ValueError, TypeError) as problem:
        reason = str(problem).rstrip(".")
    else:
        return path
    shown = str(given) if isinstance(given, PathLike) else given
    raise error(f"`{name}` {quoted(shown)} cannot be used ({reason}): give another path.")
