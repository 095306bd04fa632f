"""Downloads a file from the first of its mirrors that has it; parts are kept until the rest has come."""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bench.data.remote_file import RemoteFile, checked
from bench.data.transfer import Transfer
from bench.errors import DataError

PART = ".part"  # suffix of a file that is incomplete

log = logging.getLogger(__name__)


def download(file: RemoteFile, cached: Path | None) -> tuple[bytes, bytes]:
    """Return (bytes, content) from the first mirror that has the right content; parts are kept next to ``cached``.

    Raises DataError, which lists what was tried and says which file to put where.
    """
    mirror = os.environ.get("BENCH_DATA_MIRROR")
    urls = ((f"{mirror.rstrip('/')}/{file.place}",) if mirror else ()) + file.urls
    failures = []
    for url in urls:
        try:
            return _download_from(url, file, _part(cached, url))
        except DataError as error:
            failures.append(f"  {url}: {error}")
            log.info("%s: %s", url, error)
    parts = [part for part in (_part(cached, url) for url in urls) if part is not None]
    is_begun = any(map(os.path.isfile, parts))  # Path.is_file raises if a folder is closed
    raise DataError(_unavailable(file, failures, is_begun=is_begun))


def keep(path: Path, raw: bytes) -> None:
    """Store a complete file, and remove its parts."""
    _keep(path, raw)
    with suppress(OSError):
        for part in path.parent.glob(f".{path.name}.*{PART}"):
            part.unlink(missing_ok=True)


def _part(cached: Path | None, url: str) -> Path | None:
    """Return the path of the partial file from a server, which is kept until the rest has arrived."""
    name = hashlib.sha256(url.encode()).hexdigest()[:8]
    return None if cached is None else cached.with_name(f".{cached.name}.{name}{PART}")


def _download_from(url: str, file: RemoteFile, part: Path | None) -> tuple[bytes, bytes]:
    """Return (bytes, content) from one server, continuing the ``part`` that it has already sent."""
    earlier = b""
    if part is not None:
        with suppress(OSError):  # there is none, or it cannot be read
            earlier = part.read_bytes()[: file.largest]
    transfer = Transfer(url, file.largest, earlier)
    try:
        raw = transfer.run()
    except BaseException:  # also an interruption by the user
        if part is not None and len(transfer.received) > len(earlier):
            _keep(part, bytes(transfer.received))
        raise
    try:
        return raw, checked(file, raw)
    except DataError:
        if not transfer.was_resumed:
            raise
    raw = Transfer(url, file.largest).run()  # the parts were not of the same file
    return raw, checked(file, raw)


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
    """Return what was tried, and what to do; ``is_begun`` says whether a part of the file has arrived."""
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
