"""Columns of a table as texts: which hold numbers, and which say the same in every row."""

from __future__ import annotations

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"[-+<]?\d[\d.,e+-]*%?(( ± | to )[-+]?\d[\d.,e+-]*)?$")


def without_common(columns: dict[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The columns that differ between rows, and the value of each of the others; all columns if none would be left."""
    common = {name: cells[0] for name, cells in columns.items() if len(cells) > 1 and len(set(cells)) == 1}
    if len(common) == len(columns):
        return columns, {}
    return {name: cells for name, cells in columns.items() if name not in common}, common


def is_numeric(cells: Iterable[str]) -> bool:
    """Whether a column of texts contains numbers and is therefore right-aligned."""
    return any(_NUMBER.match(cell) for cell in cells)
