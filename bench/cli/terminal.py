"""What `bench run`, `bench estimate` and `bench report` print of the results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from bench import plugins
from bench.drawing import tables
from bench.report import Table

QUICK_FORMATS = ("csv", "md", "png")  # `bench report` makes all reports in all formats

if TYPE_CHECKING:
    from rich.console import Console

    from bench.results import Results


def show_reports(results: Results, made: Mapping[str, list[Path]], console: Console, *, whole: bool = True) -> None:
    """Every table that was made (long ones only where ``whole``), then where each report was written."""
    known = plugins.find("report")
    for name, paths in made.items():
        maker = known[name].load()()
        if paths and isinstance(maker, Table) and (whole or maker.printed):
            datasets = ", ".join(map(str, results.trials["dataset"].unique()))
            title = f"{known[name].summary().partition(',')[0].rstrip('.')} ({datasets})"
            console.print()
            console.print(tables.render_table(maker.display(maker.table(results)), title))
    for name, paths in made.items():
        endings = ", ".join(path.suffix[1:] for path in paths[1:])
        where = f"{paths[0]}{f' (and {endings})' if endings else ''}" if paths else "nothing to show yet"
        console.print(f"{name}: {where}", markup=False, highlight=False, soft_wrap=True)


def summarise(results: Results, console: Console) -> None:
    """The table, where the figures are, and what did not end well."""
    from bench import api

    closing = [name for name, plugin in plugins.find("report").items() if plugin.load().ends_run]
    made = api.report(results, closing, QUICK_FORMATS)
    show_reports(results, {name: paths for name, paths in made.items() if paths}, console)
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
    for text in _warnings(results):
        console.print(f"Warning: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)


def _warnings(results: Results) -> Iterator[str]:
    """What the estimators and the diagnosis warn of, once for all the seeds of a cell."""
    for frame, column, what in ((results.likelihoods, "warnings", "estimator"), (results.diagnosis, "collapse", None)):
        warned = frame[frame[column].fillna("") != ""]
        keys = ["algorithm", "z", *([what] if what else [])]
        for key, group in warned.groupby(keys, sort=False):
            who = f"{key[2]} of {key[0]}" if what else key[0]
            yield f"{who}, z={key[1]}, {tables.quantity(len(group), 'seed')}: {group[column].iloc[0]}"
