"""What `bench run`, `bench estimate` and `bench report` print of the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.report import Table
from bench.reporting import caveats, tables

QUICK_FORMATS = ("csv", "md", "png")  # `bench report` makes all reports in all formats

if TYPE_CHECKING:
    from rich.console import Console

    from bench.results.frames import Results


def make_reports(
    results: Results,
    console: Console,
    names: Sequence[str] = (),
    formats: Sequence[str] = (),
    folder: Path | None = None,
    *,
    whole: bool = False,
    empty: bool = True,
) -> tuple[dict[str, list[Path]], list[str]]:
    """Make reports and show them: tables (long ones only where ``whole``), then where each was written.

    Those with nothing to show are named where ``empty``.  Returns the files of each, and the names of those that could
    not be made.
    """
    from bench import api

    failures: dict[str, None] = {}

    def failed(name: str, error: Exception) -> None:
        if name not in failures:
            failures[name] = None
            text = f"{name} could not be made: {type(error).__name__}: {error}"
            console.print(text, style="yellow", markup=False, highlight=False, soft_wrap=True)

    made = api.report(results, names, formats, folder, failed)
    makers = api.reports(names, failed)
    data = ", ".join(results.trials["dataset"].unique())
    for name, paths in made.items():
        maker = makers[name]
        if paths and isinstance(maker, Table) and (whole or maker.printed):
            title = f"{maker.summary().partition(',')[0].rstrip('.')} ({data})"
            console.print()
            console.print(tables.render_table(maker.display(maker.table(results)), title))
    for name, paths in made.items():
        endings = ", ".join(path.suffix[1:] for path in paths[1:])
        if paths:
            where = f"{paths[0]}{f' (and {endings})' if endings else ''}"
        elif formats and not {*formats} & {*makers[name].formats}:
            where = f"is made as {', '.join(makers[name].formats)} alone"
        else:
            where = "nothing to show yet"
        if paths or empty:
            console.print(f"{name}: {where}", markup=False, highlight=False, soft_wrap=True)
    return made, [*failures]


def summarise(results: Results, console: Console) -> None:
    """The table, where the figures are, and what did not end well."""
    from bench import api

    closing = [name for name, maker in api.reports(failed=lambda *_: None).items() if maker.ends_run]
    make_reports(results, console, closing, QUICK_FORMATS, empty=False)
    trials = results.trials
    for _, trial in trials[trials["status"] != "done"].iterrows():
        label = f"{trial['algorithm']} z={trial['z']} n={trial['n_train']} seed={trial['seed']}"
        console.print(
            f"{trial['status']}: {label}: {trial['reason']}",
            style="yellow",
            markup=False,
            highlight=False,
            soft_wrap=True,
        )
    for text in caveats.warnings(results):
        console.print(f"Warning: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)
