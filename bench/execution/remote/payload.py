"""A task as it travels to another machine, and the files that it may ask for."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.data.downloads import within_folder
from bench.execution.backend import Workers
from bench.execution.portable import Portable


@dataclass(frozen=True)
class FileRef:
    """A file that a task needs: ``name`` is its path within what the user has ``named``, empty for that file itself.

    For a download it is the path within the folder for downloads.
    """

    named: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Payload:
    """A ``function`` to be called on a ``task``, and the files that it needs besides those of its folder."""

    key: str
    function: Callable[[Any], Any]
    task: Portable
    workers: Workers
    inputs: tuple[FileRef, ...]
    downloads: tuple[FileRef, ...]


class FileIndex:
    """The files that tasks may ask for, by their hashes; each is read and hashed once."""

    def __init__(self) -> None:
        """Nothing is in it yet."""
        self.paths: dict[str, Path] = {}
        self.contents: dict[str, bytes] = {}  # of plugins, which may be edited in the meantime
        self._refs: dict[str, tuple[FileRef, ...]] = {}

    def refs(self, named: str) -> tuple[FileRef, ...]:
        """Return the files that a user's path names: itself, or all files in a folder; none if it does not exist."""
        if named not in self._refs:
            self._refs[named] = tuple(self._found(named))
        return self._refs[named]

    def _found(self, named: str) -> Iterator[FileRef]:
        path = Path(named).expanduser()
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                content = file.read_bytes()
                digest = hashlib.sha256(content).hexdigest()
                self.paths[digest] = file
                if file.suffix == ".py":
                    self.contents[digest] = content
                yield FileRef(named, str(file.relative_to(path)) if path.is_dir() else "", digest)

    def content(self, sha256: str) -> bytes | None:
        """Return the content of a file that a task requests; None if it is not in the index or has changed on disk."""
        if sha256 in self.contents:
            return self.contents[sha256]
        try:
            content = self.paths[sha256].read_bytes()
        except (KeyError, OSError):  # it no longer exists, or cannot be read
            return None
        return content if hashlib.sha256(content).hexdigest() == sha256 else None


def pack(key: str, function: Callable[[Any], Any], task: Portable, workers: Workers, index: FileIndex) -> Payload:
    """Return the task with the list of its files; their contents stay here until a node requests them."""
    inputs = tuple(ref for named in task.files.inputs for ref in index.refs(named))
    downloads = tuple(
        replace(ref, name=str(within_folder(path))) for path in task.files.downloads for ref in index.refs(str(path))
    )
    return Payload(key, function, task, workers, inputs, downloads)
