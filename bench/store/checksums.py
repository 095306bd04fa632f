"""Checksums: every stored file carries one of itself, so that a damaged file is noticed before it is believed.

The checksum is the SHA-256 of the file's content, with zeros in place of the checksum, and of the file's place: a file
that belongs to another trial, or has another name, does not match.
"""

from __future__ import annotations

import hashlib
import re

KEY = "sha256"
BLANK = "0" * 64  # in place of the checksum, until that is known
_CHECKSUM = re.compile(rb"sha256\W{1,6}([0-9a-f]{64})")  # in JSON, TOML and the header of safetensors


def add(content: bytes, place: str) -> bytes:
    """Return the content with its checksum in place of the first `BLANK`, which must follow the first `KEY`.

    >>> check(add(b'{"sha256": "%s", "z": 3}' % BLANK.encode(), "trial/spec.json"), "trial/spec.json")[:8]
    '3f0f22fe'
    """
    digest = hashlib.sha256(place.encode() + b"\0" + content).hexdigest()
    return content.replace(BLANK.encode(), digest.encode(), 1)


def stored(content: bytes) -> str:
    """Return the checksum that a file contains and `check` has verified; empty if there is none."""
    match = _CHECKSUM.search(content)
    return "" if match is None else match[1].decode()


def check(content: bytes, place: str) -> str:
    """Return the checksum that a file contains; raises ValueError if there is none or it does not match.

    >>> check(b'{"z": 3}', "trial/spec.json")
    Traceback (most recent call last):
    ...
    ValueError: it has no checksum
    """
    match = _CHECKSUM.search(content)
    if match is None:
        raise ValueError("it is empty" if not content else "it has no checksum")
    blank = content[: match.start(1)] + BLANK.encode() + content[match.end(1) :]
    digest = hashlib.sha256(place.encode() + b"\0" + blank).hexdigest()
    if digest.encode() != match[1]:
        raise ValueError("its checksum does not fit")
    return digest
