"""Whether the first line of a table is its heading."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise

from bench.data.table_text import Line, Table, is_number
from bench.errors import DataError

MISSING = {"", "na", "n/a", "nan", "null", "none", "?", "-", "inf", "-inf", "infinity", "-infinity", "#n/a"}
NUM_SHOWN = 5  # names in a message
DECIDE = "write header=yes if it is the heading, header=no if it is a datapoint"


def find_heading(table: Table, header: str) -> tuple[list[str] | None, list[Line], list[str]]:
    """Return the names of the columns or None, the lines of values, and how they were interpreted.

    Lines that begin with ``#`` and have a different number of cells from the values are comments.  Raises DataError if
    the first line may be either and ``header`` is ``auto``.
    """
    lines = list(table.lines)
    while len(lines) > 1 and lines[0].text.startswith("#") and not _fits(table, lines):
        del lines[0]
    notes = ["comments before the table"] if len(lines) < len(table.lines) else []
    if not lines:
        return None, [], notes
    first = table.cells(lines[0])
    if header == "no" or (header == "auto" and not _is_heading(first, table, lines)):
        return None, lines, [*notes, "no heading"]
    first[0] = first[0].removeprefix("#").strip()
    shown = ", ".join(name or "''" for name in first[:NUM_SHOWN]) + (", ..." if len(first) > NUM_SHOWN else "")
    return first, lines[1:], [*notes, f"line {lines[0].number} is the heading ({shown})"]


def _fits(table: Table, lines: Sequence[Line]) -> bool:
    return len(table.cells(lines[0])) == len(table.cells(lines[-1]))


def _is_heading(cells: Sequence[str], table: Table, lines: Sequence[Line]) -> bool:
    """Whether the first line is a heading, judged by itself; raises DataError if that is unclear."""
    if lines[0].text.startswith("#"):
        return True
    missing = [cell for cell in cells if cell.lower() in MISSING]
    values = [cell for cell in cells if cell not in missing and is_number(cell.replace(",", "."))]
    words = len(cells) - len(missing) - len(values)
    what = f"Line {lines[0].number} of {table.path}"
    if words and (not values or is_counted(values)):
        return True
    if words:
        raise DataError(f"{what} mixes numbers and words ({_shown(cells)}): {DECIDE} and correct it.")
    if not missing:
        if is_counted(values) or _is_scale(values):
            raise DataError(f"{what} ({_shown(cells)}) looks like a heading of numbers: {DECIDE}.")
        return False
    if cells[0] == "" and len(missing) == 1 and is_counted(values) and _begins_with_index(table, lines[1:]):
        return True  # as pandas writes a frame without names: its index, then 0, 1, 2, ...
    raise DataError(f"{what} has no number in some places ({_shown(cells)}): {DECIDE} and fill it in.")


def is_counted(cells: Sequence[str]) -> bool:
    """Whether these are 0, 1, 2, ..., or at least two numbers 1, 2, 3, ...: names of columns, as likely as not.

    >>> is_counted(["0", "1", "2"]), is_counted(["1", "2"]), is_counted(["1"]), is_counted(["1", "0"])
    (True, True, False, False)
    """
    count = len(cells)
    return list(cells) == [str(i) for i in range(count)] or (
        count > 1 and list(cells) == [str(i) for i in range(1, count + 1)]
    )


def _is_scale(cells: Sequence[str]) -> bool:
    """Whether four or more numbers rise in equal steps, or eight or more rise: wavelengths, years, times."""
    values = [float(cell.replace(",", ".")) for cell in cells]
    steps = [b - a for a, b in pairwise(values)]
    if len(values) < 4 or min(steps) <= 0:
        return False
    return len(values) >= 8 or max(steps) - min(steps) <= 1e-9 * max(map(abs, values))


def _begins_with_index(table: Table, body: Sequence[Line]) -> bool:
    """Whether the first cells of all lines are different whole numbers."""
    first = [table.cells(line)[0] for line in body]
    return all(re.fullmatch(r"\d+", cell) for cell in first) and len(set(first)) == len(first) > 0


def _shown(cells: Sequence[str]) -> str:
    shown = ", ".join(cell or "''" for cell in cells[:NUM_SHOWN])
    return shown + (", ..." if len(cells) > NUM_SHOWN else "")
