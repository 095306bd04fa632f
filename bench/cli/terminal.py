"""What `bench run` and `bench report` print of the reports that they made."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench import plugins
from bench.drawing import tables
from bench.report import Table

if TYPE_CHECKING:
    from rich.console import Console

    from bench.results import Results


def show_reports(results: Results, made: Mapping[str, list[Path]], console: Console) -> None:
    """Every table that was made, then where each report was written."""
    known = plugins.find("report")
    for name, paths in made.items():
        maker = known[name].load()()
        if paths and isinstance(maker, Table):
            title = f"{known[name].summary().partition(',')[0].rstrip('.')} ({results.study.dataset})"
            console.print()
            console.print(tables.render_table(maker.display(maker.table(results)), title))
    for name, paths in made.items():
        endings = ", ".join(path.suffix[1:] for path in paths[1:])
        where = f"{paths[0]}{f' (and {endings})' if endings else ''}" if paths else "nothing to show yet"
        console.print(f"{name}: {where}", markup=False, highlight=False, soft_wrap=True)
