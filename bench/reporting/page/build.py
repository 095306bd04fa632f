"""Puts the page together: answer, curves, tables and figures in one file."""

from __future__ import annotations

import base64
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING

from jinja2 import Environment, StrictUndefined

from bench.report import PageContents, PageEntry, RenderedTable
from bench.reporting.captions import caveats
from bench.reporting.captions.ends import ends_of_candidates
from bench.reporting.curves.figure import LearningCurves
from bench.reporting.page.answer import answers_and_outlooks
from bench.reporting.page.curves import curves
from bench.reporting.tables import formatting
from bench.reporting.tables.columns import is_numeric, without_common
from bench.reporting.writers.latex import latex_table
from bench.reporting.writers.texts import csv_text, markdown_table
from bench.results.entries import folder_names

if TYPE_CHECKING:
    from pathlib import Path

    from bench.results.frames import Results


@dataclass(frozen=True)
class Heading:
    """The heading of a table or a figure on the page."""

    name: str
    title: str
    about: str

    @classmethod
    def of(cls, entry: PageEntry) -> Heading:
        """Make the heading from the report's name and summary."""
        return cls(entry.name, entry.name.replace("_", " ").capitalize(), entry.report.summary())


@dataclass(frozen=True)
class TableOnPage(Heading):
    """The texts of a table; values common to all rows are shown above it, to leave room for the rest."""

    common: Sequence[str]
    headings: Sequence[str]
    rows: Sequence[tuple[str, ...]]
    numeric: Sequence[bool]


@dataclass(frozen=True)
class FigureOnPage(Heading):
    """A figure as a PNG file in base64."""

    png: str


def build(results: Results, contents: PageContents) -> str:
    """The page as HTML.  All text from users is escaped, and no external resources are loaded."""
    from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("page.html.j2"))
    runs = results.requested or (results.path, *results.others)
    tables = [(entry, entry.content) for entry in contents.entries if isinstance(entry.content, RenderedTable)]
    figures = [(entry, entry.content) for entry in contents.entries if isinstance(entry.content, bytes)]
    answers, outlooks = answers_and_outlooks(results)
    return template.render(
        title=", ".join(folder_names(runs).values()),
        command=_command(runs, contents.folder),
        answers=answers,
        outlooks=outlooks,
        when=_when(results),
        estimators=_estimators(results),
        costs=caveats.costs(results),
        status=_status(results),
        warnings=[*_warnings(results), *contents.failures],
        tables=[_table(Heading.of(entry), table) for entry, table in tables],
        figures=[_figure(Heading.of(entry), png) for entry, png in figures],
        curves=_script({**curves(results), "figures": _clocks(contents)}),
        copies=_script({entry.name: _copies(table) for entry, table in tables}),
        style=_asset("page.css"),
        script=_asset("page.js"),
        plotly=get_plotlyjs(),
    )


def _asset(name: str) -> str:
    return files("bench.reporting.page").joinpath(name).read_text(encoding="utf-8")


def _script(data: object) -> str:
    """Format as JSON that is safe inside a script element: no text ends the element or starts a comment."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _when(results: Results) -> str:
    """The time of the log-likelihoods in training, which is earlier if runs with different budgets are compared."""
    marks = " and ".join(f"{mark:,}" for mark in results.compared_at)
    return f"after {marks} training samples" if marks else "at the end of training"


def _status(results: Results) -> str:
    """``45 trials: 43 done, 2 diverged``."""
    counts = results.trials["status"].value_counts(sort=False)
    return f"{len(results.trials)} trials: {', '.join(f'{count} {status}' for status, count in counts.items())}"


def _command(runs: Sequence[Path], folder: Path | None) -> str:
    """The command that reproduces this report; it names the folder unless it is the run's own."""
    elsewhere = folder is not None and (len(runs) > 1 or folder.resolve() != (runs[0] / "report").resolve())
    arguments = [*runs, *(["--out", folder] if elsewhere else [])]
    return f"bench report {' '.join(shlex.quote(str(argument)) for argument in arguments)}"


def _clocks(contents: PageContents) -> dict[str, str]:
    """The name of the figure of learning curves for each clock; the first one if there are several."""
    reports = [(entry.report, entry.name) for entry in contents.entries]
    named = [(report.clock, name) for report, name in reports if isinstance(report, LearningCurves)]
    return dict(reversed(named))


def _estimators(results: Results) -> str:
    """``importance (a lower bound) on 300 test points``: where the values in the answers come from."""
    estimates = results.likelihoods
    first = estimates[estimates["split"] == "test"].drop_duplicates("trial")
    different = first[["estimator", "bias", "num_points"]].drop_duplicates()
    words = {"lower": "a lower bound", "upper": "an upper bound", "upward": "biased upward", "": "without estimate"}
    return "; ".join(
        f"{estimator} ({words.get(bias, bias)}) on {formatting.quantity(int(count), 'test point')}"
        for estimator, bias, count in different.itertuples(index=False)
    )


def _warnings(results: Results) -> list[str]:
    """Warnings to read before believing any number."""
    warnings = [*results.damage, *caveats.warnings(results), *caveats.machines(results)]
    warnings += [*caveats.references(results), *caveats.tuning(results), *ends_of_candidates(results)]
    return [*warnings, *caveats.stale(results)]


def _table(heading: Heading, table: RenderedTable) -> TableOnPage:
    columns = {str(name): [formatting.text(value) for value in table.shown[name]] for name in table.shown.columns}
    shown, common = without_common(columns)
    return TableOnPage(
        **vars(heading),
        common=[f"{name}: {text}" for name, text in common.items() if text],
        headings=[*shown],
        rows=[*zip(*shown.values(), strict=True)],
        numeric=[is_numeric(cells) for cells in shown.values()],
    )


def _figure(heading: Heading, png: bytes) -> FigureOnPage:
    return FigureOnPage(**vars(heading), png=base64.b64encode(png).decode("ascii"))


def _copies(table: RenderedTable) -> dict[str, str]:
    return {
        "LaTeX": latex_table(table.shown),
        "Markdown": markdown_table(table.shown),
        "CSV": csv_text(table.numbers),
    }
