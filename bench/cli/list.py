"""`bench list`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.errors import PluginError, UnknownName, did_you_mean

if TYPE_CHECKING:
    from rich.table import Table


@click.command("list")
@click.argument("kind", required=False)
def command(kind: str | None) -> None:
    """List the installed plugins and studies, with a line of help for each.

    KIND is algorithms, datasets, models, decoders, estimators, reports, backends or studies  [default: all of them]
    """
    from rich.table import Table

    from bench.cli.console import Output
    from bench.plugins import KINDS

    plurals = {**{f"{name}s": name for name in KINDS}, "studies": "study"}
    if kind is not None and kind not in plurals and kind not in plurals.values():
        raise UnknownName(f"Unknown kind {kind!r}.{did_you_mean(kind, plurals)}")
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for name in [plurals.get(kind, kind)] if kind else plurals.values():
        _add_studies(table) if name == "study" else _add_plugins(table, name)
    Output().print(table, highlight=False)


def _add_plugins(table: Table, kind: str) -> None:
    from rich.text import Text

    from bench.cli import docstrings
    from bench.plugins import find

    table.add_row(Text(f"{kind}s", "bold"))
    for plugin in find(kind).values():
        try:
            summary = plugin.summary()
        except PluginError as error:
            summary = f"broken: {error}"
        table.add_row(Text(f"  {plugin.name}"), docstrings.inline(summary))


def _add_studies(table: Table) -> None:
    from rich.text import Text

    from bench.studies import files as study_files

    table.add_row(Text("studies", "bold"))
    for name in study_files.shipped_names():
        table.add_row(f"  {name}", Text(study_files.read(name).title))
