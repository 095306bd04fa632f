"""Which columns of a table a terminal has room for, their widths, and what the caption says instead of others."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations, takewhile
from typing import TYPE_CHECKING

from bench.reporting.tables.columns import is_numeric
from bench.reporting.tables.formatting import text

if TYPE_CHECKING:
    import pandas as pd

TEXT_WIDTH = 20  # characters that a text is wrapped to at the least
LEAST_WIDTH = 12  # the same if an essential column would else have no room
MEASURED = re.compile(r"[-+<]?[\d,]*\.\d")


@dataclass(frozen=True)
class Column:
    """A column as texts."""

    name: str
    cells: list[str]
    numeric: bool

    @classmethod
    def of(cls, name: str, values: pd.Series) -> Column:
        """The column of a frame."""
        cells = [text(value) for value in values]
        return cls(name, cells, is_numeric(cells))

    @property
    def constant(self) -> bool:
        """Whether all rows have the same text."""
        return len(set(self.cells)) == 1

    @property
    def measured(self) -> bool:
        """Whether it contains results rather than names or whole numbers that identify the row."""
        return any(MEASURED.match(cell) for cell in self.cells)

    @property
    def widest(self) -> int:
        """Room for every cell on one line and for every word of the heading."""
        return max(map(len, [*self.cells, *self.name.split()]), default=1)

    def narrowest(self, text_width: int) -> int:
        """Texts are wrapped to ``text_width``, headings at hyphens too."""
        if not self.numeric:
            return min(self.widest, text_width)
        return max(map(len, [*self.cells, *re.findall(r"[^\s-]+-?|-", self.name)]), default=1)


def fit(
    columns: Sequence[Column], width: int, essential: Collection[str], captioned: Collection[str]
) -> tuple[list[Column], list[int], list[str]]:
    """The columns that fit, the width of each, and the notes of the caption; see `render_table`."""
    fitting = _Fitting([*columns], width)
    constant = sorted((c for c in reversed(columns) if c.constant), key=lambda c: c.numeric)
    while constant and len(fitting.kept) > 1 and _total(c.widest for c in fitting.kept) > width:
        column = constant.pop(0)
        fitting.kept.remove(column)
        fitting.notes.append(f"{column.name}: {column.cells[0]}")
    required = {*essential, *captioned}
    kept = fitting.kept
    keys = fitting.keys = [*takewhile(lambda c: c.name not in required and not c.measured, kept)]
    fitting.list_by_row([c for c in reversed(kept) if c.name in captioned], TEXT_WIDTH)
    fitting.leave_out([c for c in reversed(kept) if c.name not in required and c not in keys], TEXT_WIDTH)
    fitting.list_by_row([*keys], LEAST_WIDTH, only_told=True)
    fitting.list_by_row([c for c in reversed(kept) if c.name in essential], LEAST_WIDTH)
    fitting.leave_out(keys[::-1], LEAST_WIDTH)
    if fitting.left_out:
        fitting.notes.append(f"No room for: {', '.join(c.name for c in columns if c in fitting.left_out)}.")
    return kept, _rooms(kept, width), fitting.notes


@dataclass
class _Fitting:
    """The columns that are ``kept``, of which ``keys`` name the rows, and the treatment of the others."""

    kept: list[Column]
    width: int
    keys: list[Column] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    left_out: list[Column] = field(default_factory=list)

    def list_by_row(self, columns: Iterable[Column], text_width: int, *, only_told: bool = False) -> None:
        """List these in the caption while the table is too wide; or only those that another key tells."""
        for column in columns:
            others = [c for c in self.keys if c is not column]
            if self._too_wide(text_width) and (not only_told or any(_tell(_names([c]), column) for c in others)):
                self.kept.remove(column)
                self.keys = others
                self.notes.append(f"{column.name}: {_by_row(column, others)}")

    def leave_out(self, columns: Iterable[Column], text_width: int) -> None:
        """Leave these out while the table is too wide."""
        for column in columns:
            if column in self.kept and self._too_wide(text_width):
                self.kept.remove(column)
                self.left_out.append(column)

    def _too_wide(self, text_width: int) -> bool:
        return len(self.kept) > 1 and _total(c.narrowest(text_width) for c in self.kept) > self.width


def _by_row(column: Column, keys: Sequence[Column]) -> str:
    """What the column says, each text once, with the rows that it holds for: by as few of the ``keys`` as tell them."""
    choices = (chosen for count in range(1, len(keys) + 1) for chosen in combinations(keys, count))
    names = next((names for chosen in choices if _tell(names := _names(chosen), column)), None)
    names = names or [f"row {i}" for i in range(1, len(column.cells) + 1)]
    rows: dict[str, dict[str, None]] = {}
    for cell, name in zip(column.cells, names, strict=True):
        rows.setdefault(cell, {})[name] = None
    return "; ".join(f"{cell} ({', '.join(those)})" for cell, those in rows.items())


def _names(chosen: Sequence[Column]) -> list[str]:
    """A name for each row, such as ``digits z = 3``."""
    parts = [[f"{c.name} = {cell}" if c.numeric else cell for cell in c.cells] for c in chosen]
    return [" ".join(row) for row in zip(*parts, strict=True)]


def _tell(names: Sequence[str], column: Column) -> bool:
    """Whether rows with the same name have the same text in the column."""
    return len({*zip(names, column.cells, strict=True)}) == len({*names})


def _rooms(columns: Sequence[Column], width: int) -> list[int]:
    """The width of each column; texts are narrowed, the widest first."""
    has_room = _total(c.narrowest(TEXT_WIDTH) for c in columns) <= width
    text_width = TEXT_WIDTH if has_room else LEAST_WIDTH
    rooms, least = [c.widest for c in columns], [c.narrowest(text_width) for c in columns]
    while _total(rooms) > width and rooms != least:
        rooms[max((i for i, room in enumerate(rooms) if room > least[i]), key=lambda i: rooms[i])] -= 1
    return rooms


def _total(widths: Iterable[int]) -> int:
    """The width of a table with two spaces between columns and one after the last."""
    return sum(width + 2 for width in widths) - 1
