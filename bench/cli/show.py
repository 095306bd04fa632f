"""`bench show`."""

from __future__ import annotations

import inspect

import click

from bench.errors import UnknownName, did_you_mean
from bench.plugins import PluginRef


@click.command("show")
@click.argument("name")
def command(name: str) -> None:
    """Show one plugin: what it does, its options with types, units and defaults, its reference.

    NAME is a name from `bench list`, or the file of an algorithm of your own.
    """
    from rich.console import Console
    from rich.table import Table

    from bench import options
    from bench.algorithm import Algorithm

    console = Console()
    for found in _all_named(name):
        cls = found.load()
        console.print(f"[bold]{found.name}[/] ({found.kind}, {found.source})", highlight=False)
        console.print(inspect.cleandoc(cls.__doc__ or ""), markup=False, highlight=False)
        rows = options.describe(cls.Options)
        if rows:
            table = Table(box=None, padding=(0, 2), title_justify="left", header_style="bold")
            for heading in ("option", "default", "allowed", "what"):
                table.add_column(heading, no_wrap=heading in ("option", "default"))
            for row in rows:
                unit = f" [{row.unit}]" if row.unit else ""
                table.add_row(row.name, row.default, row.allowed, (row.help + unit).replace("[", "\\["))
            console.print(table, highlight=False)
            example = next((row for row in rows if row.default != "required"), rows[0])
            console.print(f"Set with {found.name}\\[{example.name}=...]", highlight=False)
        if issubclass(cls, Algorithm) and found.source == "shipped":
            usage = f"from {cls.__module__} import {cls.__name__}; {cls.__name__}(latent_size=3).fit(x_train)"
            console.print(f"Alone: {usage}", markup=False, highlight=False, soft_wrap=True)
        console.print()


def _all_named(name: str) -> list[PluginRef]:
    """The plugins of that name, of every kind."""
    from bench.plugins import KINDS, find, resolve

    if name.endswith(".py") or "/" in name:
        return [resolve("algorithm", name)[0]]
    plain = name.partition("[")[0]
    found = {kind: find(kind) for kind in KINDS}
    matches = [plugins[plain] for plugins in found.values() if plain in plugins]
    if not matches:
        every = {known for plugins in found.values() for known in plugins}
        raise UnknownName(f"Unknown plugin {plain!r}.{did_you_mean(plain, every)}")
    return matches
