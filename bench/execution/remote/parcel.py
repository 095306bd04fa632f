"""A task as it travels to another machine."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.execution.backend import Workers
from bench.execution.luggage import Portable


@dataclass(frozen=True)
class Item:
    """A file to be brought: ``name`` is its place within what the user has named, empty if that is the file itself."""

    named: str
    name: str
    sha256: str


@dataclass(frozen=True)
class Parcel:
    """A ``function`` to be called on a ``task``, and the files that it needs besides those of its folder."""

    key: str
    function: Callable[[Any], Any]
    task: Portable
    workers: Workers
    items: tuple[Item, ...]
    downloads: tuple[Item, ...]


class Shelf:
    """The files that tasks may ask for, by their hashes; each is read and hashed once."""

    def __init__(self) -> None:
        """Nothing is on it yet."""
        self.paths: dict[str, Path] = {}
        self.contents: dict[str, bytes] = {}  # of plugins, which may be edited meanwhile
        self._items: dict[str, tuple[Item, ...]] = {}

    def items(self, named: str) -> tuple[Item, ...]:
        """The files that a user's path names: itself, or all in a folder; none if nothing is there."""
        if named not in self._items:
            self._items[named] = tuple(self._found(named))
        return self._items[named]

    def _found(self, named: str) -> Iterator[Item]:
        path = Path(named).expanduser()
        files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
        for file in files:
            if file.is_file():
                content = file.read_bytes()
                digest = hashlib.sha256(content).hexdigest()
                self.paths[digest] = file
                if file.suffix == ".py":
                    self.contents[digest] = content
                yield Item(named, str(file.relative_to(path)) if path.is_dir() else "", digest)

    def content(self, sha256: str) -> bytes | None:
        """What a task asks for; None if it has changed since and is no plugin, or was never on the shelf."""
        if sha256 in self.contents:
            return self.contents[sha256]
        path = self.paths.get(sha256)
        content = path.read_bytes() if path is not None and path.is_file() else b""
        return content if hashlib.sha256(content).hexdigest() == sha256 else None


def pack(key: str, function: Callable[[Any], Any], task: Portable, workers: Workers, shelf: Shelf) -> Parcel:
    """The task with the list of its files; their contents stay here until a node asks for them."""
    luggage = task.luggage
    items = tuple(item for named in luggage.files for item in shelf.items(named))
    downloads = tuple(item for path in luggage.downloads for item in shelf.items(str(path)))
    return Parcel(key, function, task, workers, items, downloads)
