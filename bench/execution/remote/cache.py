"""A folder of this node for what was brought from a user's machine: by hash, once for all its processes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from bench.data.downloads import cache_dir
from bench.execution.remote.parcel import Item
from bench.store.files import write_bytes


def folder() -> Path:
    """The folder, in that for downloads; raises DataError if there is none."""
    import tempfile

    place = cache_dir() or Path(tempfile.gettempdir(), "aevb-bench")
    return place / "brought"


def bring(items: tuple[Item, ...], fetch: Callable[[str], bytes]) -> dict[str, Path]:
    """A copy of each file that a user has named, by the path in which they named it; ``fetch`` gets what is missing."""
    places: dict[str, Path] = {}
    for named in dict.fromkeys(item.named for item in items):
        files = [item for item in items if item.named == named]
        digest = hashlib.sha256(repr([(item.name, item.sha256) for item in files]).encode()).hexdigest()[:24]
        place = folder() / digest / Path(named).name
        for item in files:
            _bring(place / item.name if item.name else place, item.sha256, fetch)
        places[named] = place
    return places


def bring_downloads(items: tuple[Item, ...], fetch: Callable[[str], bytes]) -> None:
    """Put files into the folder for downloads, unless they lie there or in the user's folder for data."""
    data, downloads = os.environ.get("BENCH_DATA_DIR"), cache_dir()
    for item in items:
        name = Path(item.named).name
        if downloads is not None and not (data and (Path(data) / name).is_file()):
            _bring(downloads / name, item.sha256, fetch)


def _bring(path: Path, sha256: str, fetch: Callable[[str], bytes]) -> None:
    """One copy; other processes of this node wait for it."""
    if path.is_file():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.parent / f".{path.name}.lock"):
        if not path.is_file():
            write_bytes(path, fetch(sha256))
