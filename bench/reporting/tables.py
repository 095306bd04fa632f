"""Numbers, seeds and tables as people read them."""

from __future__ import annotations

import math
import re
import textwrap
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

MISSING = "–"
_NUMBER = re.compile(r"[-+<]?\d[\d.,e+-]*%?(( ± | to )[-+]?\d[\d.,e+-]*)?$")
_TEXT_WIDTH = 20  # characters that a text is wrapped to at the least


def number(value: float, decimals: int = 2) -> str:
    """``-20.126`` -> ``-20.13``; a dash where there is no number."""
    return f"{value:.{decimals}f}" if math.isfinite(value) else MISSING


def with_spread(value: float, deviation: float) -> str:
    """``-20.13 ± 0.21``; more decimals for a tiny deviation; the value alone where no deviation is known."""
    if not (math.isfinite(value) and math.isfinite(deviation)):
        return number(value)
    decimals = 2 if deviation == 0 or deviation >= 0.01 else 4
    return f"{value:.{decimals}f} ± {deviation:.{decimals}f}"


def error(value: float) -> str:
    """A standard error: ``0.12``, ``0.0123``, or ``<0.0001``."""
    if 0 < value < 1e-4:
        return "<0.0001"
    return number(value, 2 if value >= 0.1 or value == 0 else 4)


def count(value: float) -> str:
    """``100000`` -> ``1e5``, ``120000`` -> ``120000``: powers of ten are read faster as such."""
    if not math.isfinite(value):
        return MISSING
    digits = str(int(value))
    zeros = len(digits) - len(digits.rstrip("0"))
    return f"{digits[:-zeros]}e{zeros}" if zeros >= 4 else digits


def quantity(count: int, noun: str) -> str:
    """``1 trial``, ``3 trials``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def time(value: float) -> str:
    """A time or a number of samples: ``4530``, ``0.253``, ``never`` where it is infinite."""
    if math.isinf(value):
        return "never"
    return str(round(value)) if value >= 1000 else f"{value:.3g}" if math.isfinite(value) else MISSING


def with_range(value: float, low: float, high: float) -> str:
    """``4530 (3190 to 5810)``; the value alone where all are the same."""
    return time(value) if low == high or math.isnan(value) else f"{time(value)} ({time(low)} to {time(high)})"


def factor(value: float, sign: str = "x ") -> str:
    """``x 2.50``; ``x inf`` and ``x 0`` where one side never gets there."""
    return MISSING if math.isnan(value) else f"{sign}{value:.3g}"


def seeds_in_words(done: int, others: Iterable[str]) -> str:
    """``3``, or ``2 of 3 (1 diverged)``: ``others`` says of each seed that does not count what became of it."""
    fates = Counter(others)
    if not fates:
        return str(done)
    listed = ", ".join(f"{times} {fate}" for fate, times in fates.items())
    return f"{done} of {done + fates.total()} ({listed})"


def without_common(columns: dict[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, str]]:
    """The columns that differ between rows, and what the others say in all of them; all where none would be left."""
    common = {name: cells[0] for name, cells in columns.items() if len(cells) > 1 and len(set(cells)) == 1}
    if len(common) == len(columns):
        return columns, {}
    return {name: cells for name, cells in columns.items() if name not in common}, common


def is_numeric(cells: Iterable[str]) -> bool:
    """Whether a column of texts holds numbers, so that it stands to the right."""
    return any(_NUMBER.match(cell) for cell in cells)


def render_table(frame: pd.DataFrame, title: str, width: int | None = None) -> Table:
    """A table for the terminal from a frame as it is displayed, made to fit ``width`` characters (the terminal's).

    Numbers stand to the right and are never broken over lines.  Where the table is too wide, columns with one value in
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


def text(value: object) -> str:
    """A cell as it is shown."""
    if isinstance(value, float):
        return f"{value:.10g}" if math.isfinite(value) else MISSING
    return MISSING if value is None else str(value)


def broken(text: str, width: int) -> str:
    """``text`` on lines of at most ``width``, broken behind spaces, commas and brackets where it can be."""
    lines = [""]
    for piece in re.findall(rf"[^ ,\[]{{0,{width - 1}}}[ ,\[]|[^ ,\[]{{1,{width}}}", text):
        if len(lines[-1]) + len(piece.rstrip()) > width:
            lines.append("")
        lines[-1] += piece
    return "\n".join(line.rstrip() for line in lines if line)


def with_heading(heading: str, titles: list[str]) -> list[str]:
    """The titles of panels side by side, the first with a ``heading`` that lies above all of them."""
    lines = max(title.count("\n") for title in titles) - titles[0].count("\n")
    return [heading + "\n" * (lines + 1) + titles[0], *titles[1:]]


def _fit(columns: list[_Column], width: int) -> tuple[list[_Column], list[str]]:
    """The columns that there is room for, and what the caption says in place of the others."""
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
    """Of a table with two spaces between columns and one behind the last."""
    return sum(width + 2 for width in widths) - 1


def warnings(column: pd.Series) -> str:
    """What the seeds of a cell warn of: the first one's words, and how many warn, unless all do alike."""
    texts = [text for text in column.dropna().map(str) if text]
    if not texts or (len(set(texts)) == 1 and len(texts) == len(column)):
        return texts[0] if texts else ""
    return f"{texts[0]} ({len(texts)} of {quantity(len(column), 'seed')} warn; this is the first.)"
