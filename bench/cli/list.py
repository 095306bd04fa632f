"""`bench list`."""

from __future__ import annotations

import click

from bench.errors import PluginError, UnknownName, did_you_mean


@click.command("list")
@click.argument("kind", required=False)
def command(kind: str | None) -> None:
    """List what there is, each with a line of help.

    KIND is algorithms, datasets, models, decoders, estimators, reports or studies; all of them without it.
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from bench.plugins import KINDS, find

    plurals = {**{f"{name}s": name for name in KINDS}, "studies": "study"}
    if kind is not None and kind not in plurals and kind not in plurals.values():
        raise UnknownName(f"Unknown kind {kind!r}.{did_you_mean(kind, plurals)}")
    wanted = [plurals.get(kind, kind)] if kind else [*plurals.values()]
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column()
    for name in [name for name in wanted if name in KINDS]:
        table.add_row(f"[bold]{name}s[/]")
        for plugin in find(name).values():
            try:
                summary = plugin.summary()
            except PluginError as error:
                summary = f"broken: {error}"
            table.add_row(f"  {escape(plugin.name)}", escape(summary))
    if "study" in wanted:
        from bench.studies import files as study_files

        table.add_row("[bold]studies[/]")
        for name in study_files.shipped_names():
            table.add_row(f"  {name}", study_files.read(name).title)
    Console().print(table, highlight=False)
