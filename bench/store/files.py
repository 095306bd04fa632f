"""Texts and JSON that are written whole or not at all: to a temporary name, then renamed.

A reader never sees half of a file.  NaN and infinities, which JSON does not know, survive.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench.errors import StoreError


def write_text(path: Path, text: str) -> None:
    """Write to a temporary name beside ``path``, then rename."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(ordinary_mode())  # a temporary file is readable by its owner alone, this one is not temporary
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def ordinary_mode() -> int:
    """The permissions that `open` gives to a new file: those that the user's umask allows."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


def write_json(path: Path, data: object) -> None:
    """As `write_text`; NaN and infinities survive."""
    write_text(path, json.dumps(plain(data), indent=1) + "\n")


def read_json(path: Path) -> object:
    """The inverse of `write_json`; raises StoreError for a file that is missing or malformed."""
    try:
        return unplain(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError) as error:  # malformed JSON or UTF-8 is a ValueError
        raise unreadable(path, error) from error


def unreadable(path: Path, error: Exception) -> StoreError:
    """What to raise for a damaged file of a trial."""
    return StoreError(f"{path} cannot be read ({error}): delete the folder it lies in to run that trial again.")


def plain(data: object) -> object:
    """The data with NaN and infinities as ``{"$float": "nan"}``.

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
    """The inverse of `plain`, but for tuples, which become lists."""
    if isinstance(data, dict):
        if data.keys() == {"$float"}:
            return float(data["$float"])
        return {key: unplain(value) for key, value in data.items()}
    return [unplain(value) for value in data] if isinstance(data, list) else data
