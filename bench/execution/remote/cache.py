"""A folder of this node for copies of files from the user's machine: by hash, once for all its processes."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from filelock import FileLock

from bench.data.downloads import cache_dir
from bench.errors import DataError
from bench.execution.remote.payload import FileRef
from bench.store.files import write_bytes


def folder() -> Path:
    """Return the folder, within the folder for downloads; raises DataError if there is none."""
    return (cache_dir() or Path(tempfile.gettempdir(), "aevb-bench")) / "user-files"


def provide(refs: tuple[FileRef, ...], fetch: Callable[[str], bytes]) -> dict[str, Path]:
    """Provide a copy of each file that a user has named, by the path as given; ``fetch`` gets missing files.

    A damaged copy is fetched again.  Raises DataError if the fetched content is not the requested one.
    """
    places: dict[str, Path] = {}
    for named in dict.fromkeys(ref.named for ref in refs):
        files = [ref for ref in refs if ref.named == named]
        digest = hashlib.sha256(repr([(ref.name, ref.sha256) for ref in files]).encode()).hexdigest()[:24]
        place = folder() / digest / Path(named).name
        for ref in files:
            path = place / ref.name if ref.name else place
            _store(path, ref.sha256, fetch, partial(_is_intact, path, ref.sha256))
        places[named] = place
    return places


def provide_downloads(refs: tuple[FileRef, ...], fetch: Callable[[str], bytes]) -> None:
    """Put files into the folder for downloads, unless they are already there or in the user's data folder.

    An existing file of the same name is left alone, since its content is checked when it is read.
    """
    data, downloads = os.environ.get("BENCH_DATA_DIR"), cache_dir()
    for ref in refs:
        if downloads is not None and not (data and (Path(data) / ref.name).is_file()):
            _store(downloads / ref.name, ref.sha256, fetch, (downloads / ref.name).is_file)


def _store(path: Path, sha256: str, fetch: Callable[[str], bytes], is_there: Callable[[], bool]) -> None:
    """Store one copy; other processes of this node wait for it."""
    if is_there():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / f".{path.name}.lock"):
        if is_there():
            return
        content = fetch(sha256)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise DataError(f"{path.name} has arrived damaged: the same command fetches it again.")
        write_bytes(path, content)


def _is_intact(path: Path, sha256: str) -> bool:
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256
