"""A folder whose changes are sent to another machine."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

Seen = tuple[int, int, int]  # inode, time of the last change in nanoseconds, and bytes
Changes = tuple[Mapping[str, bytes], tuple[str, ...]]  # contents by name, and the names of deleted files


class Mirror:
    """Keeps track of which files of a folder were sent, and which have changed since."""

    def __init__(self, folder: Path, last: str) -> None:
        """Start from the present content, which came from the other machine.

        The file called ``last`` is read before the others and sent after them, so that it never refers
        to files that have not been sent.
        """
        self.folder = folder
        self.last = last
        self._seen = self._look()
        self._last_sent: bytes | None = None

    def changes(self) -> Changes:
        """Return the changes since the last call."""
        contents: dict[str, bytes] = {}
        last = self._read(self.last)
        now = self._look()
        for name, seen in now.items():
            if name != self.last and self._seen.get(name) != seen:
                content = self._read(name)
                if content is not None:
                    contents[name] = content
        if last is not None and last != self._last_sent:
            contents[self.last] = last
        removed = tuple(name for name in self._seen if name not in now)
        self._seen = now
        self._last_sent = last
        return contents, removed

    def forget(self) -> None:
        """Treat all files as changed, since what was sent may be lost."""
        self._seen = dict.fromkeys(self._seen, (0, 0, 0))
        self._last_sent = None

    def manifest(self) -> dict[str, str]:
        """Return the hashes of all files, by name."""
        return {name: hashlib.sha256(each).hexdigest() for name, each in self.read(list(self._look())).items()}

    def read(self, names: Sequence[str]) -> dict[str, bytes]:
        """Return the contents of these files, with the ``last`` one at the end."""
        contents = {name: self._read(name) for name in sorted(names, key=lambda name: name == self.last)}
        return {name: each for name, each in contents.items() if each is not None}

    def _look(self) -> dict[str, Seen]:
        files = {}
        for path in self.folder.glob("*"):
            with contextlib.suppress(OSError):
                stat = path.stat()
                if path.is_file() and not path.name.startswith("."):
                    files[path.name] = (stat.st_ino, stat.st_mtime_ns, stat.st_size)
        return files

    def _read(self, name: str) -> bytes | None:
        try:
            return (self.folder / name).read_bytes()
        except OSError:  # removed in the meantime
            return None
