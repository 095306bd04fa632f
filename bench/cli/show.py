"""`bench show`."""

from __future__ import annotations

import inspect
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
    """Show one plugin: what it does, its options with types, units and defaults, its reference.

    NAME is a name from `bench list`, or the file of an algorithm of your own.  Of a study: its parts and sizes.
    """
    from rich.console import Console
    from rich.table import Table

    from bench import options
    from bench.algorithm import Algorithm
    from bench.studies import files as study_files

    console = Console()
    if name in study_files.shipped_names():
        _show_study(study_files.read(name), console)
        return
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


def _show_study(study: StudyFile, console: Console) -> None:
    """What it is, and what each of its sizes runs."""
    from rich.table import Table

    console.print(f"[bold]{study.name}[/] (study)", highlight=False)
    for text in (study.title, " ".join(study.about.split()), f"Source: {study.source}."):
        console.print(text, markup=False, highlight=False)
    table = Table(box=None, padding=(0, 2), header_style="bold")
    for heading in ("size", "part", "data set", "z", "N", "algorithms", "seeds", "samples"):
        number = heading in ("N", "seeds", "samples")
        table.add_column(heading, justify="right" if number else "left", no_wrap=number, overflow="fold")
    for size, parts in study.sizes.items():
        for part, asked in parts.items():
            points = ", ".join(str(n) if n else "all" for n in asked.n_train)
            algorithms = ", ".join(asked.algos).replace("[", "\\[")
            counts = (str(len(asked.seeds)), f"{asked.budget:.3g}".replace("e+0", "e"))
            table.add_row(size, part, asked.dataset, ", ".join(map(str, asked.z)), points, algorithms, *counts)
    console.print(table, highlight=False)
    console.print(f"Run with bench run {study.name} --size {next(iter(study.sizes))}", markup=False, highlight=False)


def _all_named(name: str) -> list[PluginRef]:
    """The plugins of that name, of every kind."""
    from bench.plugins import KINDS, find, resolve
    from bench.studies import files as study_files

    if name.endswith(".py") or "/" in name:
        return [resolve("algorithm", name)[0]]
    plain = name.partition("[")[0]
    found = {kind: find(kind) for kind in KINDS}
    matches = [plugins[plain] for plugins in found.values() if plain in plugins]
    if not matches:
        every = {known for plugins in found.values() for known in plugins} | {*study_files.shipped_names()}
        raise UnknownName(f"Unknown plugin or study {plain!r}.{did_you_mean(plain, every)}")
    return matches
