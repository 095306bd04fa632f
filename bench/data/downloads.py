"""Fetches files whose content is known: a folder of the user's first, then the cache, then mirrors in turn.

Three environment variables steer it: ``BENCH_DATA_DIR`` names a folder to look in first, ``BENCH_CACHE_DIR`` the
folder for what was downloaded, ``BENCH_DATA_MIRROR`` a URL prefix to try before the mirrors that are built in.
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
    """The content of a gzip file; bytes that are not one are taken to be unpacked already."""
    return gzip.decompress(packed) if packed.startswith(b"\x1f\x8b") else packed


@dataclass(frozen=True)
class RemoteFile:
    """A file that mirrors offer: its name, its ``urls`` in the order of trial, and what it must hold.

    ``unpack`` maps the file's bytes to its content, and may raise anything where they are damaged; ``sha256`` is
    that of the content, because mirrors pack the same content differently.  ``companions`` are files needed with it.
    """

    name: str
    sha256: str
    urls: tuple[str, ...]
    unpack: Callable[[bytes], bytes] = gunzip
    companions: tuple[str, ...] = ()


def fetch(file: RemoteFile) -> bytes:
    """The file's content, checked by its hash each time.

    Raises DataError where BENCH_DATA_DIR is no folder or holds a damaged copy, or where no mirror gives a good one.
    Any number of processes may fetch the same file at once.
    """
    given = _in_data_dir(file)
    if given is not None:
        return _read_given(file, given)
    cached = cache_dir() / file.name
    if cached.is_file():
        try:
            return _checked(file, cached.read_bytes())
        except (DataError, OSError) as error:
            log.warning("The cached copy %s cannot be used, and is fetched again: %s", cached, error)
    raw, content = _download(file)
    _keep(cached, raw)
    return content


def cache_dir() -> Path:
    """Where downloads are kept: BENCH_CACHE_DIR, or else the platform's folder for caches."""
    from platformdirs import user_cache_path

    named = os.environ.get("BENCH_CACHE_DIR")
    return Path(named).expanduser() if named else user_cache_path("aevb-bench")


def _in_data_dir(file: RemoteFile) -> Path | None:
    """The user's own copy, as it is named or without ``.gz``; None where there is none."""
    named = os.environ.get("BENCH_DATA_DIR")
    if not named:
        return None
    folder = Path(named).expanduser()
    if not folder.is_dir():
        raise DataError(f"BENCH_DATA_DIR must name a folder (got '{named}'): correct or unset it.")
    candidates = (folder / file.name, folder / file.name.removesuffix(".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _read_given(file: RemoteFile, path: Path) -> bytes:
    """A damaged file of the user's is an error: passing over it would hide what they meant to use."""
    try:
        return _checked(file, path.read_bytes())
    except (DataError, OSError) as error:
        raise DataError(
            f"{path} (looked for by BENCH_DATA_DIR) cannot be used: {error}. Replace it by a good copy, "
            "or remove it so that the file is downloaded."
        ) from error


def _checked(file: RemoteFile, raw: bytes) -> bytes:
    """The content of the file's bytes; raises DataError, a bare reason, where it is not the right one."""
    try:
        content = file.unpack(raw)
    except Exception as error:  # which one depends on where the file is damaged
        raise DataError(f"damaged or truncated, {len(raw)} bytes that cannot be unpacked ({_brief(error)})") from error
    found = hashlib.sha256(content).hexdigest()
    if found != file.sha256:
        raise DataError(f"damaged or another file: SHA-256 of its content is {found}, expected {file.sha256}")
    return content


def _download(file: RemoteFile) -> tuple[bytes, bytes]:
    """(bytes, content) from the first mirror that gives the right content."""
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
    except OSError as error:  # what was fetched is good: a cache that cannot be written only costs the next download
        log.warning("Cannot keep %s (%s): name a folder that can be written in BENCH_CACHE_DIR.", path, error)
        if temporary is not None:
            temporary.unlink(missing_ok=True)


def _unavailable(file: RemoteFile, failures: list[str]) -> str:
    named = os.environ.get("BENCH_DATA_DIR")
    place = f"the folder {named}, which BENCH_DATA_DIR names" if named else "a folder, and name it in BENCH_DATA_DIR"
    others = f" (also needed: {', '.join(file.companions)})" if file.companions else ""
    advice = f"If this machine is offline, fetch {file.name}{others} elsewhere and put it into {place}."
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
