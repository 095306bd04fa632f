"""TOML files that users write."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from bench.errors import StoreError
from bench.values.texts import quoted

MOST_BYTES = 10_000_000


def read_toml(path: Path) -> dict[str, Any]:
    """Return the content of a study file; a byte-order mark, which some editors write, is skipped.

    Raises StoreError if the file cannot be read, is not valid TOML, or is larger than ten megabytes.
    """
    name = quoted(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise StoreError(f"The study file {name} cannot be read ({error.strerror}).") from error
    if len(content) > MOST_BYTES:
        raise StoreError(f"The study file {name} is larger than {MOST_BYTES:,} bytes: give a study file.")
    try:
        return tomllib.loads(content.decode("utf-8-sig"))
    except RecursionError as error:
        raise StoreError(f"The study file {name} is not valid TOML: its brackets are nested too deeply.") from error
    except ValueError as error:  # also for text that is not UTF-8, and integers with thousands of digits
        raise StoreError(f"The study file {name} is not valid TOML: {str(error).rstrip('.')}.") from error
