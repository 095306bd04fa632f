"""Fetches files whose content is known: from the user's folder, then from the cache, then from mirrors in turn.

Three environment variables control it: ``BENCH_DATA_DIR`` names a folder to look in first, ``BENCH_CACHE_DIR`` the
folder for downloads, ``BENCH_DATA_MIRROR`` a URL prefix to try before the built-in mirrors.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from bench.data.mirrors import download, keep
from bench.data.paths import expanded
from bench.data.remote_file import RemoteFile, checked
from bench.errors import DataError

__all__ = ["RemoteFile", "cache_dir", "fetch", "read", "within_folder"]

log = logging.getLogger(__name__)


_read: dict[str, Path] = {}  # by place


def read() -> tuple[Path, ...]:
    """Return the paths on this machine of the files that this process has read with `fetch`."""
    return tuple(_read.values())


def fetch(file: RemoteFile) -> bytes:
    """Return the file's content, verified by its hash each time.

    Raises DataError if BENCH_DATA_DIR is not a folder or holds a damaged copy, or if no mirror has a good one.
    Any number of processes may fetch the same file at once.
    """
    supplied = _in_data_dir(file)
    if supplied is not None:
        _read[file.place] = supplied
        return _read_supplied(file, supplied)
    folder = cache_dir()
    cached = folder / file.place if folder is not None else None
    if cached is not None:
        _read[file.place] = cached
    if cached is not None and os.path.isfile(cached):  # noqa: PTH113  # Path.is_file raises if a folder is closed
        try:
            return checked(file, _bytes(file, cached))
        except (DataError, OSError) as error:
            log.warning("The cached copy %s cannot be used and is downloaded again: %s", cached, error)
    raw, content = download(file, cached)
    if cached is not None:
        keep(cached, raw)
    return content


def within_folder(path: Path) -> Path:
    """Return the path of a file from `read` relative to the user's data folder or the folder for downloads."""
    named = os.environ.get("BENCH_DATA_DIR")
    folders = (_folder("BENCH_DATA_DIR", named) if named else None, cache_dir())
    relative = (path.relative_to(folder) for folder in folders if folder is not None and path.is_relative_to(folder))
    return next(relative, Path(path.name))


def cache_dir() -> Path | None:
    """The folder for downloads: BENCH_CACHE_DIR or, by default, the platform's folder for caches.

    None if the user has no home directory; raises DataError if BENCH_CACHE_DIR refers to an unknown user.
    """
    from platformdirs import user_cache_path

    named = os.environ.get("BENCH_CACHE_DIR")
    if named:
        return _folder("BENCH_CACHE_DIR", named)
    folder = user_cache_path("aevb-bench")
    if not folder.is_absolute():  # "~" could not be expanded
        log.warning("Downloads are not kept, because there is no home folder: set BENCH_CACHE_DIR to a folder.")
        return None
    return folder


def _folder(variable: str, named: str) -> Path:
    try:
        return expanded(named)
    except DataError as error:
        raise DataError(f"{variable} must name a folder: {error}") from error


def _in_data_dir(file: RemoteFile) -> Path | None:
    """Return the path of the user's copy, with or without ``.gz``; None if there is none."""
    named = os.environ.get("BENCH_DATA_DIR")
    if not named:
        return None
    folder = _folder("BENCH_DATA_DIR", named)
    if not os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises if a parent is closed
        raise DataError(f"BENCH_DATA_DIR must name a folder that can be read (got '{named}'): correct or unset it.")
    candidates = (folder / file.place, folder / file.place.removesuffix(".gz"))
    return next((path for path in candidates if os.path.lexists(path)), None)  # anything but a file is refused later


def _read_supplied(file: RemoteFile, path: Path) -> bytes:
    """A damaged user-supplied file is an error: skipping it would hide what they meant to use."""
    try:
        return checked(file, _bytes(file, path))
    except (DataError, OSError) as error:
        raise DataError(
            f"{path} (found through BENCH_DATA_DIR) cannot be used: {error}. Replace it by a good copy, "
            "or remove it so that the file is downloaded."
        ) from error


def _bytes(file: RemoteFile, path: Path) -> bytes:
    """Read the bytes of a copy; raises DataError with only the reason if it is not a file or is too large."""
    if not path.is_file():
        raise DataError("it is no file")
    with path.open("rb") as stream:
        raw = stream.read(file.largest + 1)
    if len(raw) > file.largest:
        raise DataError(f"damaged or another file: it has more than {file.largest:,} bytes")
    return raw
