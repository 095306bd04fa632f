"""Tables of numbers as text, such as .csv: what is ambiguous is refused, and what was understood is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy.typing as npt

from bench.data import columns, table_text
from bench.data.heading import find_heading
from bench.errors import DataError

Array = npt.NDArray[Any]


def read_table(path: Path, header: str = "auto", drop: str = "auto") -> tuple[Array, list[str]]:
    """Read [N, D] from lines of D numbers separated by commas, semicolons, tabs or spaces; see `ReadOptions`.

    Raises DataError with the line and column (both from 1) of wrong or ambiguous content, and the options that resolve
    it.
    """
    table = table_text.parse(path)
    heading, body, notes = find_heading(table, header)
    if not body:
        raise DataError(f"{path} must hold lines of numbers (got {len(table.lines)} lines without any).")
    names = heading or []
    width = len(table.cells(body[0]))
    if names and len(names) != width:
        raise DataError(
            f"{path} must have as many names in its heading as values in a line (got {len(names)} and {width}, in line "
            f"{body[0].number}): if the first column holds names of the rows, give the heading a name for it."
        )
    chosen = columns.chosen(drop, names, width, path)
    kept = [column for column in range(width) if column not in chosen]
    values, decimals = table_text.numbers(table, body, kept, names)
    if drop == "auto":
        values, index = columns.checked(values, names, path)
        notes += index
    elif chosen:
        notes.append(f"left out: {', '.join(columns.described(column, names) for column in chosen)}")
    return values, [*notes, *table.words(), *decimals]
