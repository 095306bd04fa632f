"""`bench show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.errors import UnknownName, did_you_mean
from bench.plugins import PluginRef

if TYPE_CHECKING:
    from rich.console import Console

    from bench.studies.files import StudyFile


@click.command("show")
@click.argument("name")
def command(name: str) -> None:
    """Show one plugin: what it does, its options with types, units and defaults, and its reference.

    NAME is a name from `bench list`, or the file of a plugin of your own.  A study is shown with its parts and sizes.
    """
    from bench.cli.console import Output
    from bench.studies import files as study_files

    console = Output()
    if name in study_files.shipped_names():
        _show_study(study_files.read(name), console)
        return
    for reference in _all_named(name):
        _show_plugin(reference, console)


def _show_plugin(reference: PluginRef, console: Console) -> None:
    """Print the docstring, the options, and how to use an algorithm on its own."""
    from bench.cli import docstrings

    cls = reference.load()
    console.print(f"[bold]{reference.name}[/] ({reference.kind}, {reference.source})", highlight=False)
    docstrings.show(cls.__doc__ or "", console)
    _show_options(reference, console)
    if reference.kind == "algorithm" and reference.source == "shipped":
        usage = f"from {cls.__module__} import {cls.__name__}; {cls.__name__}(latent_size=3).fit(x_train)"
        console.print(f"Alone: {usage}", markup=False, highlight=False, soft_wrap=True)
    console.print()


def _show_options(reference: PluginRef, console: Console) -> None:
    """Print a table of the options, and how to set one."""
    from rich.table import Table
    from rich.text import Text

    from bench import options
    from bench.cli import docstrings

    rows = options.describe(reference.load().Options)
    if not rows:
        return
    table = Table(box=None, padding=(0, 2), title_justify="left", header_style="bold")
    for heading in ("option", "default", "allowed", "what"):
        table.add_column(heading, no_wrap=heading in ("option", "default"))
    for row in rows:
        unit = f" [{row.unit}]" if row.unit else ""
        table.add_row(row.name, Text(row.default), Text(row.allowed), docstrings.inline(row.help + unit))
    console.print()
    console.print(table, highlight=False)
    example = next((row for row in rows if row.default != "required"), rows[0])
    console.print(f"Set with {reference.name}[{example.name}=...]", markup=False, highlight=False)


def _show_study(study: StudyFile, console: Console) -> None:
    """Print the description of a study, and what each of its sizes runs."""
    from rich.table import Table
    from rich.text import Text

    from bench.cli import docstrings

    console.print(f"[bold]{study.name}[/] (study)", highlight=False)
    for text in (study.title, " ".join(study.about.split()), f"Source: {study.source}."):
        console.print(docstrings.inline(text), highlight=False)
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for heading in ("size", "part", "data set", "z", "N", "algorithms", "seeds", "samples"):
        number = heading in ("N", "seeds", "samples")
        table.add_column(heading, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for size, parts in study.sizes.items():
        for part, fields in parts.items():
            points = ", ".join(str(n) if n else "all" for n in fields.n_train)
            names = (Text(fields.dataset), ", ".join(map(str, fields.z)), points, Text(", ".join(fields.algos)))
            counts = (str(len(fields.seeds)), f"{fields.budget:.3g}".replace("e+0", "e"))
            table.add_row(size, part, *names, *counts)
    console.print(table, highlight=False)
    console.print(f"Run with bench run {study.name} --size {next(iter(study.sizes))}", markup=False, highlight=False)


def _all_named(name: str) -> list[PluginRef]:
    """The plugins of that name, of every kind."""
    from bench.plugins import KINDS, find, kind_of, resolve
    from bench.studies import files as study_files

    if name.endswith(".py") or "/" in name:
        return [resolve(kind_of(name), name)[0]]
    plain = name.partition("[")[0]
    by_kind = {kind: find(kind) for kind in KINDS}
    matches = [plugins[plain] for plugins in by_kind.values() if plain in plugins]
    if not matches:
        every = {known for plugins in by_kind.values() for known in plugins} | {*study_files.shipped_names()}
        raise UnknownName(f"Unknown plugin or study {plain!r}.{did_you_mean(plain, every)}")
    return matches
