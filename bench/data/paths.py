"""A user's path, or a sentence that says why it cannot be used: the operating system's errors end here."""

from __future__ import annotations

import stat
from pathlib import Path

from bench.data.limits import MAX_BYTES, check_bytes
from bench.errors import DataError
from bench.values.places import here


def locate(text: str) -> Path:
    """Return the file or folder that a user names, with ``~`` expanded; relative paths start at the working directory.

    Raises DataError if there is none, if it cannot be reached, and for pipes, devices and files of absurd size.
    """
    path = expanded(str(here(text)))
    try:
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        kind = "is a link to nothing" if path.is_symlink() else "does not exist"
        raise DataError(f"{path} {kind} (looked for {path.absolute()}): give the path of a file or folder.") from error
    except (OSError, ValueError) as error:  # ValueError: the path holds a NUL
        reason = (error.strerror if isinstance(error, OSError) else str(error)) or str(error)
        raise DataError(f"{_shortened(path)} cannot be read ({reason}): give the path of a readable file.") from error
    if stat.S_ISDIR(mode):
        return path
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} must be a file or a folder (it is a pipe or a device): save the data to a file first.")
    check_bytes(path, MAX_BYTES)
    return path


def expanded(text: str) -> Path:
    """The path with ``~`` expanded; raises DataError if there is no such user, or no home."""
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise DataError(f"{text} cannot be found ({error}): write the path without '~'.") from error


def _shortened(path: Path) -> str:
    """Return a path for messages, shortened if it is very long."""
    text = str(path).replace("\0", "\\0")
    return text if len(text) <= 300 else f"{text[:100]}...{text[-40:]}"
