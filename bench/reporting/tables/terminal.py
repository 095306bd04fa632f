"""Tables on a terminal, made to fit its width."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.reporting.tables.columns import is_numeric
from bench.reporting.tables.formatting import broken, text

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

_TEXT_WIDTH = 20  # characters that a text is wrapped to at the least


def render_table(frame: pd.DataFrame, title: str, width: int | None = None) -> Table:
    """A table for the terminal from a frame as it is displayed, made to fit ``width`` characters (the terminal's).

    Numbers stand to the right and are never broken over lines.  If the table is too wide, columns with one value in
    all rows move into the caption (texts first, and from the right), then texts wrap, then the last columns are left
    out and named in the caption.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # plain strings are read as markup: aevb[num_samples=5] would lose its brackets

    width = width or Console().width
    columns = [_Column.of(str(name), frame[name]) for name in frame.columns]
    columns, notes = _fit(columns, width)
    table = Table(
        title=Text(title),
        caption=Text("\n".join(notes)) if notes else None,
        box=box.SIMPLE_HEAD,
        show_edge=False,
        padding=(0, 1, 0, 0),
        title_justify="left",
        caption_justify="left",
    )
    wrapped = []
    for column, room in zip(columns, _rooms(columns, width), strict=True):
        side: Literal["left", "right"] = "right" if column.numeric else "left"
        heading = Text("\n".join(textwrap.wrap(column.name, room)))
        table.add_column(heading, justify=side, no_wrap=True, width=room)
        wrapped.append([Text(broken(cell, room)) for cell in column.cells])
    for row in zip(*wrapped, strict=True):
        table.add_row(*row)
    return table


@dataclass(frozen=True)
class _Column:
    name: str
    cells: list[str]
    numeric: bool

    @classmethod
    def of(cls, name: str, values: pd.Series) -> _Column:
        cells = [text(value) for value in values]
        return cls(name, cells, is_numeric(cells))

    @property
    def constant(self) -> bool:
        return len(set(self.cells)) == 1

    @property
    def widest(self) -> int:
        """Room for every cell on one line and for every word of the heading."""
        return max(map(len, [*self.cells, *self.name.split()]), default=1)

    @property
    def narrowest(self) -> int:
        return self.widest if self.numeric else min(self.widest, _TEXT_WIDTH)


def _fit(columns: list[_Column], width: int) -> tuple[list[_Column], list[str]]:
    """The columns that there is room for, and what the caption says instead of the others."""
    notes = []
    constant = sorted((c for c in reversed(columns) if c.constant), key=lambda c: c.numeric)
    while constant and len(columns) > 1 and _total(c.widest for c in columns) > width:
        column = constant.pop(0)
        columns = [c for c in columns if c is not column]
        notes.append(f"{column.name}: {column.cells[0]}")
    left_out: list[str] = []
    while len(columns) > 1 and _total(c.narrowest for c in columns) > width:
        *columns, column = columns
        left_out.insert(0, column.name)
    return columns, [*notes, f"No room for: {', '.join(left_out)}."] if left_out else notes


def _rooms(columns: list[_Column], width: int) -> list[int]:
    """The width of each column: texts give way, the widest first."""
    rooms = [c.widest for c in columns]
    while _total(rooms) > width and any(room > c.narrowest for room, c in zip(rooms, columns, strict=True)):
        rooms[max((i for i, c in enumerate(columns) if rooms[i] > c.narrowest), key=lambda i: rooms[i])] -= 1
    return rooms


def _total(widths: Iterable[int]) -> int:
    """Of a table with two spaces between columns and one after the last."""
    return sum(width + 2 for width in widths) - 1
