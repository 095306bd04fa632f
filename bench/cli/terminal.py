"""What `bench run`, `bench estimate` and `bench report` print of the results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench.api.reporting import make
from bench.cli.damage import warn_of_damage
from bench.report import Figure, Table
from bench.reporting import current
from bench.reporting.captions import caveats
from bench.reporting.rendering import Made, failure
from bench.reporting.selection import select
from bench.reporting.tables.terminal import render_table
from bench.results.grid import of_references
from bench.store.records import Status

FIGURES = "png"
QUICK_FORMATS = ("csv", "md", FIGURES)  # `bench report` makes all reports in all formats

if TYPE_CHECKING:
    from rich.console import Console

    from bench.results.frames import Results


def show_reports(
    results: Results,
    console: Console,
    names: Sequence[str] = (),
    formats: Sequence[str] = (),
    folder: Path | None = None,
    *,
    whole: bool = False,
    empty: bool = True,
) -> list[Made]:
    """Make reports and show them: tables (long ones only if ``whole``), then the location of the files of each.

    Caveats for the comparison of algorithms come first.  Reports with nothing to show are named if ``empty``.
    """
    made = make(results, names, formats, folder)
    for each in made:
        if each.error is not None:
            _print(console, failure(each.name, each.error), style="yellow")
    for text in caveats.references(results):
        _print(console, f"Note: {text}")
    for text in caveats.tuning(results):
        _print(console, f"Warning: {text}", style="yellow")
    data = ", ".join(results.trials["dataset"].unique())
    for each in made:
        if isinstance(each.report, Table) and each.table is not None and (whole or each.report.printed):
            title = f"{each.report.summary().partition(',')[0].rstrip('.')} ({data})"
            console.print()
            report = each.report
            console.print(render_table(each.table.shown, title, essential=report.essential, captioned=report.captioned))
    for each in made:
        if each.error is None and (each.paths or empty):
            _print(console, f"{each.name}: {_place(each, formats, results)}")
    return made


def _place(made: Made, formats: Sequence[str], results: Results) -> str:
    """Where the report's files are, or why it has none."""
    if made.paths:
        endings = ", ".join(path.suffix[1:] for path in made.paths[1:])
        return f"{made.paths[0]}{f' (and {endings})' if endings else ''}"
    known = made.report.formats if made.report is not None else ()
    if formats and not {*formats} & {*known}:
        return f"is made as {', '.join(known)} alone"
    reasons = results.models[1].values() if isinstance(made.report, Figure) and made.report.shows_models else ()
    return f"nothing to show yet{''.join(f'; {reason}' for reason in dict.fromkeys(reasons))}"


def summarise(results: Results, console: Console) -> None:
    """Print the tables, where the figures are, and what did not end well; figures that are current are not redrawn."""
    warn_of_damage(results)
    closing = [each for each in select()[0] if each.report.ends_run]
    drawn = {each.name: path for each in closing if (path := current.drawn(each, results, FIGURES)) is not None}
    left = [each for each in closing if each.name not in drawn]
    formats = [form for form in QUICK_FORMATS if any(form in each.formats for each in left)]
    show_reports(results, console, [each.name for each in left], formats, empty=False)
    for name, path in drawn.items():
        _print(console, f"{name}: {path}")
    trials = results.trials
    for _, trial in trials[(trials["status"] != Status.DONE) & ~of_references(trials)].iterrows():
        label = f"{trial['algorithm']} z={trial['z']} n={trial['n_train']} seed={trial['seed']}"
        _print(console, f"{trial['status']}: {label}: {trial['reason']}", style="yellow")
    for text in [*caveats.warnings(results), *caveats.machines(results), *caveats.stale(results)]:
        _print(console, f"Warning: {text}", style="yellow")


def _print(console: Console, text: str, style: str | None = None) -> None:
    """Print a text unchanged, on one line regardless of its length."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
