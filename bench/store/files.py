"""Files that are written whole or not at all, and that carry a checksum: bytes, and JSON.

A reader never sees a partially written file.  After a power failure, a ``synced`` file has either its new or its
previous content; other files may be damaged, which is detected, so ``synced=False`` is for files that are easily
recreated.  NaN and infinities, which JSON lacks, are preserved.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from bench.errors import Damaged, WriteFailed
from bench.store import checksums

CHUNK = 65536  # bytes that are read at a time; most files are smaller


def write_checked(path: Path, content: bytes, owner: str = "", *, synced: bool = True) -> None:
    """Write ``content`` with its checksum (see `checksums.add`); ``owner`` names the trial that the file belongs to."""
    write_bytes(path, checksums.add(content, f"{owner}/{path.name}"), synced=synced)


def read_checked(path: Path, owner: str = "") -> bytes:
    """Read what `write_checked` wrote, with its checksum; raises Damaged if the file is missing or was changed."""
    try:
        content = path.read_bytes()
        checksums.check(content, f"{owner}/{path.name}")
    except FileNotFoundError as error:
        raise Damaged(path.name, "it is missing") from error
    except OSError as error:
        raise Damaged(path.name, error.strerror or str(error)) from error
    except ValueError as error:
        raise Damaged(path.name, str(error)) from error
    return content


def read_bytes(path: str) -> bytes:
    """Read a file without the cost of a file object, since planning reads tens of thousands.  Raises OSError."""
    file = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return b"".join(iter(lambda: os.read(file, CHUNK), b""))
    finally:
        os.close(file)


def write_bytes(path: Path, content: bytes, *, synced: bool = True) -> None:
    """Write to a temporary name beside ``path``, then rename; if ``synced``, the content is on disk before that.

    Raises WriteFailed if that is not possible: the disk is full or read-only, for instance.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".writing.")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                if synced:
                    file.flush()
                    os.fsync(file.fileno())
            Path(name).chmod(_ordinary_mode())  # temporary files are readable only by their owner
            Path(name).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise _failed(path, error) from error


def sync(path: Path) -> None:
    """Flush a file, or the names in a folder, to disk; raises WriteFailed if that is not possible."""
    if path.is_dir() and os.name != "posix":  # folders cannot be opened there
        return
    try:
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    except OSError as error:
        raise _failed(path, error) from error


def _failed(path: Path, error: OSError) -> WriteFailed:
    return WriteFailed(f"{path} cannot be written ({error.strerror or error}).", error.strerror or "")


def _ordinary_mode() -> int:
    """The permissions that `open` would have given."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_json(path: Path, data: Mapping[str, object], owner: str = "", *, synced: bool = True) -> None:
    """Write JSON whose first entry is the checksum; NaN and infinities are preserved."""
    text = json.dumps({checksums.KEY: checksums.BLANK, **cast(dict[str, object], plain(data))}, indent=1)
    write_checked(path, f"{text}\n".encode(), owner, synced=synced)


def read_json(path: Path, owner: str = "") -> dict[str, Any]:
    """Read data that `write_json` wrote; raises Damaged if the file is missing, was changed or is malformed."""
    return parse_checked(path.name, read_checked(path, owner))  # type: ignore[no-any-return]


def parse_checked(name: str, content: bytes) -> Any:
    """Parse what `write_json` wrote to the file ``name`` from its content; raises Damaged if it is malformed."""
    try:
        data: Any = parse(content)
        del data[checksums.KEY]
    except (ValueError, TypeError, KeyError, RecursionError) as error:  # written by others
        raise Damaged(name, str(error)) from error
    return data


def plain(data: object) -> object:
    """Return the data with NaN and infinities as ``{"$float": "nan"}``.

    >>> plain({"bounds": (0.5, -math.inf)})
    {'bounds': [0.5, {'$float': '-inf'}]}
    """
    if isinstance(data, Mapping):
        return {key: plain(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)):
        return [plain(value) for value in data]
    if isinstance(data, float) and not math.isfinite(data):
        return {"$float": str(data)}
    return data


def unplain(data: object) -> object:
    """Invert `plain`, except that tuples become lists."""
    if isinstance(data, dict):
        return _unplain_dict({key: unplain(value) for key, value in data.items()})
    return [unplain(value) for value in data] if isinstance(data, list) else data


def parse(text: str | bytes) -> object:
    """Parse JSON and apply `unplain`; raises ValueError or RecursionError for other texts."""
    text = text.decode() if isinstance(text, bytes) else text
    return _WITH_FLOATS.decode(text) if '"$float"' in text else json.loads(text)  # which is three times as fast


def _unplain_dict(data: dict[str, Any]) -> object:
    return float(data["$float"]) if data.keys() == {"$float"} else data


_WITH_FLOATS = json.JSONDecoder(object_hook=_unplain_dict)
