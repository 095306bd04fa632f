"""Fetches files whose content is known: from the user's folder, then from the cache, then from mirrors in turn.

Three environment variables control it: ``BENCH_DATA_DIR`` names a folder to look in first, ``BENCH_CACHE_DIR`` the
folder for downloads, ``BENCH_DATA_MIRROR`` a URL prefix to try before the built-in mirrors.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.limits import gunzip
from bench.data.paths import expanded
from bench.errors import DataError

if TYPE_CHECKING:
    from typing_extensions import Buffer

TIMEOUT = (5.0, 30.0)  # seconds to connect, and to wait for the next bytes: a machine without network fails fast

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteFile:
    """A file that mirrors offer: its name, its ``urls`` in the order to try, and hash and size of its content.

    ``unpack`` maps the file's bytes and the ``size`` of the content (in bytes) to the content; it must not unpack more
    than that, and may raise anything if the bytes are damaged.  ``sha256`` is the hash of the content, because mirrors
    pack the same content differently.  ``companions`` are files needed with it.
    """

    name: str
    sha256: str
    size: int
    urls: tuple[str, ...]
    unpack: Callable[[bytes, int], bytes] = gunzip
    companions: tuple[str, ...] = ()

    @property
    def largest(self) -> int:
        """The bytes of the file, packed or not, that are read at most."""
        return 2 * self.size + 2**20


_read: dict[str, Path] = {}  # by name


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
        _read[file.name] = supplied
        return _read_supplied(file, supplied)
    folder = cache_dir()
    cached = folder / file.name if folder is not None else None
    if cached is not None:
        _read[file.name] = cached
    if cached is not None and os.path.isfile(cached):  # noqa: PTH113  # Path.is_file raises if a folder is closed
        try:
            return _checked(file, _bytes(file, cached))
        except (DataError, OSError) as error:
            log.warning("The cached copy %s cannot be used and is downloaded again: %s", cached, error)
    raw, content = _download(file)
    if cached is not None:
        _keep(cached, raw)
    return content


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
    candidates = (folder / file.name, folder / file.name.removesuffix(".gz"))
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
    try:
        content = file.unpack(raw, file.size)
    except Exception as error:  # which one depends on where the file is damaged
        raise DataError(f"damaged or truncated, {len(raw)} bytes that cannot be unpacked ({_brief(error)})") from error
    actual = hashlib.sha256(content).hexdigest()
    if actual != file.sha256:
        raise DataError(f"damaged or another file: SHA-256 of its content is {actual}, expected {file.sha256}")
    return content


def _download(file: RemoteFile) -> tuple[bytes, bytes]:
    """(bytes, content) from the first mirror that has the right content."""
    from requests.exceptions import RequestException

    mirror = os.environ.get("BENCH_DATA_MIRROR")
    urls = ((f"{mirror.rstrip('/')}/{file.name}",) if mirror else ()) + file.urls
    failures = []
    for url in urls:
        try:
            raw = _get(url, file.largest)
            return raw, _checked(file, raw)
        except (DataError, RequestException) as error:
            failures.append(f"  {url}: {_why(error)}")
            log.info("%s: %s", url, error)
    raise DataError(_unavailable(file, failures))


class _Limited(io.BytesIO):
    """The response of a server, up to a limit."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def write(self, part: Buffer, /) -> int:
        """See `io.BytesIO`; raises DataError beyond the limit."""
        if self.tell() + memoryview(part).nbytes > self.limit:
            raise DataError(f"damaged or another file: it has more than {self.limit:,} bytes")
        return super().write(part)


def _get(url: str, largest: int) -> bytes:
    import pooch

    received = _Limited(largest)
    get = pooch.HTTPDownloader(chunk_size=1 << 16, timeout=TIMEOUT, headers={"User-Agent": "aevb-bench"})
    get(url, received, None)
    return received.getvalue()


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


def _unavailable(file: RemoteFile, failures: list[str]) -> str:
    named = os.environ.get("BENCH_DATA_DIR")
    place = f"the folder {named}, which BENCH_DATA_DIR names" if named else "a folder, and set BENCH_DATA_DIR to it"
    others = f" (also needed: {', '.join(file.companions)})" if file.companions else ""
    advice = f"If this machine is offline, download {file.name}{others} elsewhere and put it into {place}."
    return "\n".join([f"Cannot download {file.name}. Tried:", *failures, advice])


def _why(error: Exception) -> str:
    """Why one mirror failed, in a few words."""
    from requests.exceptions import ConnectionError as Unreachable
    from requests.exceptions import HTTPError, Timeout

    if isinstance(error, HTTPError) and error.response is not None:
        return f"HTTP {error.response.status_code} {error.response.reason}".rstrip()
    if isinstance(error, Timeout):
        return "no answer in time"
    if isinstance(error, Unreachable):
        return f"cannot be reached ({_brief(_root(error))})"
    return _brief(error)


def _root(error: BaseException) -> BaseException:
    """The error below urllib3's wrappers: "Name or service not known" rather than a page of them."""
    below = getattr(error, "reason", None) or error.__cause__ or (error.args[0] if error.args else None)
    return _root(below) if isinstance(below, BaseException) and below is not error else error


def _brief(error: BaseException) -> str:
    return str(error).strip().split("\n")[0] or type(error).__name__
