"""Fetches files whose content is known: from the user's folder, then from the cache, then from mirrors in turn.

Three environment variables control it: ``BENCH_DATA_DIR`` names a folder to look in first, ``BENCH_CACHE_DIR`` the
folder for downloads, ``BENCH_DATA_MIRROR`` a URL prefix to try before the built-in mirrors.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bench.errors import DataError

TIMEOUT = (5.0, 30.0)  # seconds to connect, and to wait for the next bytes: a machine without network fails fast

log = logging.getLogger(__name__)


def gunzip(packed: bytes) -> bytes:
    """The content of a gzip file; other bytes are taken to be unpacked already."""
    return gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed


@dataclass(frozen=True)
class RemoteFile:
    """A file that mirrors offer: its name, its ``urls`` in the order to try, and the hash of its content.

    ``unpack`` maps the file's bytes to its content, and may raise anything if they are damaged; ``sha256`` is the hash
    of the content, because mirrors pack the same content differently.  ``companions`` are files needed with it.
    """

    name: str
    sha256: str
    urls: tuple[str, ...]
    unpack: Callable[[bytes], bytes] = gunzip
    companions: tuple[str, ...] = ()


def fetch(file: RemoteFile) -> bytes:
    """The file's content, checked by its hash each time.

    Raises DataError if BENCH_DATA_DIR is not a folder or holds a damaged copy, or if no mirror has a good one.
    Any number of processes may fetch the same file at once.
    """
    supplied = _in_data_dir(file)
    if supplied is not None:
        return _read_supplied(file, supplied)
    cached = cache_dir() / file.name
    if cached.is_file():
        try:
            return _checked(file, cached.read_bytes())
        except (DataError, OSError) as error:
            log.warning("The cached copy %s cannot be used and is downloaded again: %s", cached, error)
    raw, content = _download(file)
    _keep(cached, raw)
    return content


def cache_dir() -> Path:
    """The folder for downloads: BENCH_CACHE_DIR or, by default, the platform's folder for caches."""
    from platformdirs import user_cache_path

    named = os.environ.get("BENCH_CACHE_DIR")
    return Path(named).expanduser() if named else user_cache_path("aevb-bench")


def _in_data_dir(file: RemoteFile) -> Path | None:
    """The user's copy, with or without ``.gz``; None if there is none."""
    named = os.environ.get("BENCH_DATA_DIR")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataError(f"BENCH_DATA_DIR must name a folder (got '{named}'): correct or unset it.")
    candidates = (folder / file.name, folder / file.name.removesuffix(".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _read_supplied(file: RemoteFile, path: Path) -> bytes:
    """A damaged user-supplied file is an error: skipping it would hide what they meant to use."""
    try:
        return _checked(file, path.read_bytes())
    except (DataError, OSError) as error:
        raise DataError(
            f"{path} (found through BENCH_DATA_DIR) cannot be used: {error}. Replace it by a good copy, "
            "or remove it so that the file is downloaded."
        ) from error


def _checked(file: RemoteFile, raw: bytes) -> bytes:
    """The content of the file's bytes; raises DataError with a bare reason if it is wrong."""
    try:
        content = file.unpack(raw)
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
            raw = _get(url)
            return raw, _checked(file, raw)
        except (DataError, RequestException) as error:
            failures.append(f"  {url}: {_why(error)}")
            log.info("%s: %s", url, error)
    raise DataError(_unavailable(file, failures))


def _get(url: str) -> bytes:
    import pooch

    received = io.BytesIO()
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
