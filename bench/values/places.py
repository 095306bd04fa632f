"""Users' files that were brought from another machine: where they lie here."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

_brought: dict[str, Path] = {}


def brought(places: Mapping[str, Path]) -> None:
    """From now on, in this process, each of these paths stands for a copy of what it names on the user's machine."""
    _brought.clear()
    _brought.update(places)


def here(path: str | Path) -> Path:
    """The copy of what a path names on the user's machine, or the path itself if nothing was brought.

    >>> brought({"/home/user/mine.py": Path("/tmp/copy/mine.py")})
    >>> here("/home/user/mine.py").parts[-2:], here("other.py").parts
    (('copy', 'mine.py'), ('other.py',))
    >>> brought({})
    """
    return _brought.get(str(path), Path(path))
