"""Tables on a terminal, made to fit its width."""

from __future__ import annotations

import textwrap
from collections.abc import Collection
from typing import TYPE_CHECKING, Literal

from bench.reporting.tables.fitting import Column, fit
from bench.reporting.tables.formatting import broken

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def render_table(
    frame: pd.DataFrame,
    title: str,
    width: int | None = None,
    *,
    essential: Collection[str] = (),
    captioned: Collection[str] = (),
) -> Table:
    """A terminal table of a display frame, fitted to ``width`` characters (by default the terminal's width).

    Numbers are right-aligned and never broken across lines.  If the table is too wide, columns with the same value in
    all rows move to the caption (texts first, from the right), then texts wrap.  Next, the caption lists the contents
    of the columns ``captioned`` by row, and finally the last columns are left out and named in the caption.
    ``essential`` columns are kept, as are those to the left of all results, which name the rows: texts wrap more
    narrowly, names that are implied by others move to the caption, and if there is still no room, the caption lists the
    essential columns by row.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text  # plain strings are parsed as markup: aevb[num_samples=5] would lose its brackets

    width = width or Console().width
    columns, rooms, notes = fit(
        [Column.of(str(name), frame[name]) for name in frame.columns], width, essential, captioned
    )
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
    for column, room in zip(columns, rooms, strict=True):
        side: Literal["left", "right"] = "right" if column.numeric else "left"
        heading = Text("\n".join(textwrap.wrap(column.name, room)))
        table.add_column(heading, justify=side, no_wrap=True, width=room)
        wrapped.append([Text(broken(cell, room)) for cell in column.cells])
    for row in zip(*wrapped, strict=True):
        table.add_row(*row)
    return table
