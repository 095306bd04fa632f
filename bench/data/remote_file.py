"""A file that mirrors offer, and the check of its content."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from bench.data.limits import gunzip
from bench.errors import DataError


@dataclass(frozen=True)
class RemoteFile:
    """A file that mirrors offer: its name, its ``urls`` in the order to try, and hash and size of its content.

    ``unpack`` maps the file's bytes and the ``size`` of the content (in bytes) to the content; it must not unpack more
    than that, and may raise anything if the bytes are damaged.  ``sha256`` is the hash of the content, because mirrors
    pack the same content differently; if only the hash of the file itself is published, it is given as
    ``packed_sha256``.  An empty hash is not checked, so if both are empty, ``unpack`` must detect a wrong file.
    ``folder`` is its subfolder in the user's folder, the cache and BENCH_DATA_MIRROR, if data sets share file names.
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
        """Its relative path in the user's folder, in the cache and at BENCH_DATA_MIRROR."""
        return f"{self.folder}/{self.name}" if self.folder else self.name

    @property
    def largest(self) -> int:
        """The bytes of the file, packed or not, that are read at most."""
        return 2 * self.size + 2**20


def checked(file: RemoteFile, raw: bytes) -> bytes:
    """The content of the file's bytes; raises DataError with a bare reason if it is wrong."""
    if raw.lstrip()[:1] == b"<":
        raise DataError(f"damaged or truncated, {len(raw)} bytes of a web page")
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
