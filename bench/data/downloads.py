"""Fetches files whose content is known: from the user's folder, then from the cache, then from mirrors in turn.

Three environment variables control it: ``BENCH_DATA_DIR`` names a folder to look in first, ``BENCH_CACHE_DIR`` the
folder for downloads, ``BENCH_DATA_MIRROR`` a URL prefix to try before the built-in mirrors.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.data.limits import gunzip
from bench.data.paths import expanded
from bench.data.transfer import Transfer
from bench.errors import DataError

PART = ".part"  # ends the name of a file that has not come whole

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A file that mirrors offer: its name, its ``urls`` in the order to try, and hash and size of its content.

    ``unpack`` maps the file's bytes and the ``size`` of the content (in bytes) to the content; it must not unpack more
    than that, and may raise anything if the bytes are damaged.  ``sha256`` is the hash of the content, because mirrors
    pack the same content differently; where only the hash of the file itself is published, ``packed_sha256`` is that.
    An empty one is not checked, so that without both it is ``unpack`` that must notice another file.
    ``folder`` is the one that it lies in, within the user's, the cache and BENCH_DATA_MIRROR, if data sets share names.
    ``companions`` are files needed with it.
    """

    name: str
    sha256: str
    size: int
    urls: tuple[str, ...]
    unpack: Callable[[bytes, int], bytes] = gunzip
    companions: tuple[str, ...] = ()
    packed_sha256: str = ""
    folder: str = ""

    @property
    def place(self) -> str:
        """Where it lies in the user's folder, in the cache and at BENCH_DATA_MIRROR."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def largest(self) -> int:
        """The bytes of the file, packed or not, that are read at most."""
        return 2 * self.size + 2**20


_read: dict[str, Path] = {}  # by place


def read() -> tuple[Path, ...]:
    """The files that this process has read by `fetch`, where they lie on this machine."""
    return tuple(_read.values())


def fetch(file: RemoteFile) -> bytes:
    """The file's content, checked by its hash each time.

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
            return _checked(file, _bytes(file, cached))
        except (DataError, OSError) as error:
            log.warning("The cached copy %s cannot be used and is downloaded again: %s", cached, error)
    raw, content = _download(file, cached)
    if cached is not None:
        _keep(cached, raw)
        for part in cached.parent.glob(f".{cached.name}.*{PART}"):
            part.unlink(missing_ok=True)
    return content


def within_folder(path: Path) -> Path:
    """The place of a file that `read` names in the user's folder for data, or in that for downloads."""
    named = os.environ.get("BENCH_DATA_DIR")
    folders = (_folder("BENCH_DATA_DIR", named) if named else None, cache_dir())
    found = (path.relative_to(folder) for folder in folders if folder is not None and path.is_relative_to(folder))
    return next(found, Path(path.name))


def cache_dir() -> Path | None:
    """The folder for downloads: BENCH_CACHE_DIR or, by default, the platform's folder for caches.

    None if the user has no home; raises DataError if BENCH_CACHE_DIR names an unknown user's.
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
    """The user's copy, with or without ``.gz``; None if there is none."""
    named = os.environ.get("BENCH_DATA_DIR")
    if not named:
        return None
    folder = _folder("BENCH_DATA_DIR", named)
    if not os.path.isdir(folder):  # noqa: PTH112  # Path.is_dir raises if a parent is closed
        raise DataError(f"BENCH_DATA_DIR must name a folder that can be read (got '{named}'): correct or unset it.")
    candidates = (folder / file.place, folder / file.place.removesuffix(".gz"))
    return next((path for path in candidates if os.path.lexists(path)), None)  # what is no file is refused


def _read_supplied(file: RemoteFile, path: Path) -> bytes:
    """A damaged user-supplied file is an error: skipping it would hide what they meant to use."""
    try:
        return _checked(file, _bytes(file, path))
    except (DataError, OSError) as error:
        raise DataError(
            f"{path} (found through BENCH_DATA_DIR) cannot be used: {error}. Replace it by a good copy, "
            "or remove it so that the file is downloaded."
        ) from error


def _bytes(file: RemoteFile, path: Path) -> bytes:
    """The bytes of a copy; raises DataError with a bare reason if it is no file, or too large to be this one."""
    if not path.is_file():
        raise DataError("it is no file")
    with path.open("rb") as stream:
        raw = stream.read(file.largest + 1)
    if len(raw) > file.largest:
        raise DataError(f"damaged or another file: it has more than {file.largest:,} bytes")
    return raw


def _checked(file: RemoteFile, raw: bytes) -> bytes:
    """The content of the file's bytes; raises DataError with a bare reason if it is wrong."""
    if raw.lstrip()[:1] == b"<":
        raise DataError(f"damaged or another file: a web page of {len(raw):,} bytes")
    if file.packed_sha256:
        _check_hash("it", raw, file.packed_sha256, file)
    try:
        content = file.unpack(raw, file.size)
    except Exception as error:  # which one depends on where the file is damaged
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise DataError(f"damaged or truncated, {len(raw)} bytes that cannot be unpacked ({reason})") from error
    if file.sha256:
        _check_hash("its content", content, file.sha256, file)
    return content


def _check_hash(of: str, content: bytes, expected: str, file: RemoteFile) -> None:
    actual = hashlib.sha256(content).hexdigest()
    if actual != expected:
        unpacked = of == "it" and file.name.endswith(".gz") and not content.startswith(b"\x1f\x8b")
        advice = f" (that of {file.name} as it is published, packed)" if unpacked else ""
        raise DataError(f"damaged or another file: SHA-256 of {of} is {actual}, expected {expected}{advice}")


def _download(file: RemoteFile, cached: Path | None) -> tuple[bytes, bytes]:
    """(bytes, content) from the first mirror that has the right content; parts are kept beside ``cached``."""
    mirror = os.environ.get("BENCH_DATA_MIRROR")
    urls = ((f"{mirror.rstrip('/')}/{file.place}",) if mirror else ()) + file.urls
    failures = []
    for url in urls:
        try:
            return _download_from(url, file, _part(cached, url))
        except DataError as error:
            failures.append(f"  {url}: {error}")
            log.info("%s: %s", url, error)
    is_begun = any(part is not None and part.is_file() for part in (_part(cached, url) for url in urls))
    raise DataError(_unavailable(file, failures, is_begun=is_begun))


def _part(cached: Path | None, url: str) -> Path | None:
    """Where what a server has sent of a file is kept, until it has sent the rest."""
    name = hashlib.sha256(url.encode()).hexdigest()[:8]
    return None if cached is None else cached.with_name(f".{cached.name}.{name}{PART}")


def _download_from(url: str, file: RemoteFile, part: Path | None) -> tuple[bytes, bytes]:
    """(bytes, content) from one server, continuing the ``part`` that it has sent before."""
    earlier = b""
    if part is not None and os.path.isfile(part):  # noqa: PTH113  # Path.is_file raises if a folder is closed
        earlier = part.read_bytes()[: file.largest]
    transfer = Transfer(url, file.largest, earlier)
    try:
        raw = transfer.run()
    except BaseException:  # also an interruption by the user
        if part is not None and len(transfer.received) > len(earlier):
            _keep(part, bytes(transfer.received))
        raise
    try:
        return raw, _checked(file, raw)
    except DataError:
        if not transfer.was_resumed:
            raise
    raw = Transfer(url, file.largest).run()  # the parts were not of the same file
    return raw, _checked(file, raw)


def _keep(path: Path, raw: bytes) -> None:
    """Write under a temporary name, then rename: other workers see the whole file or none."""
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as stream:
            temporary = Path(stream.name)
            stream.write(raw)
        temporary.replace(path)
    except OSError as error:  # the content is good: a cache that cannot be written only costs another download
        log.warning("Cannot store %s (%s): set BENCH_CACHE_DIR to a writable folder.", path, error)
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _unavailable(file: RemoteFile, failures: list[str], *, is_begun: bool) -> str:
    """What was tried, and what to do; ``is_begun`` says whether a part of the file has come."""
    others = f" (also needed: {', '.join(file.companions)})" if file.companions else ""
    lines = [f"Cannot download {file.name}. Tried:", *failures]
    if is_begun:
        lines.append("What has come is kept: the same command continues from there.")
    advice = f"download {file.name}{others} elsewhere and put it into {_place(file)}."
    return "\n".join([*lines, f"If this machine is offline, {advice}"])


def _place(file: RemoteFile) -> str:
    """The folder for a file that the user supplies, in words."""
    named = os.environ.get("BENCH_DATA_DIR")
    if file.folder and named:
        return f"the folder {Path(named, file.folder)}, in that which BENCH_DATA_DIR names"
    if file.folder:
        return f"a folder called {file.folder}, and set BENCH_DATA_DIR to the folder that this one is in"
    return f"the folder {named}, which BENCH_DATA_DIR names" if named else "a folder, and set BENCH_DATA_DIR to it"
