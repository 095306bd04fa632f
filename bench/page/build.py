"""Puts the page together: answer, curves, tables and figures into one file."""

from __future__ import annotations

import base64
import io
import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from bench.drawing import tables
from bench.page.answer import answers
from bench.page.curves import curves
from bench.report import csv_text, markdown_table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from bench.results import Results

DOTS = 110  # an inch: sharp on a screen, a third of the size of what is for print


@dataclass(frozen=True)
class TableOnPage:
    """A table as people read it, and the unrounded one."""

    name: str
    title: str
    about: str
    shown: pd.DataFrame
    unrounded: pd.DataFrame


@dataclass(frozen=True)
class FigureOnPage:
    """A drawn figure."""

    name: str
    title: str
    about: str
    figure: Figure


def build(results: Results, tables_: Sequence[TableOnPage], figures: Sequence[FigureOnPage]) -> str:
    """The page as HTML.  Everything that comes from users is escaped; nothing is loaded from anywhere."""
    from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("page.html.j2"))
    runs = results.given or (results.path, *results.others)
    return template.render(
        title=", ".join(path.resolve().name for path in runs),
        command=f"bench report {' '.join(shlex.quote(str(path)) for path in runs)}",
        answers=answers(results),
        status=_status(results),
        warnings=_warnings(results),
        tables=[_table(table) for table in tables_],
        figures=[_figure(figure) for figure in figures],
        curves=_script(curves(results)),
        copies=_script({table.name: _copies(table) for table in tables_}),
        style=_asset("page.css"),
        script=_asset("page.js"),
        plotly=get_plotlyjs(),
    )


def _asset(name: str) -> str:
    return files("bench.page").joinpath(name).read_text(encoding="utf-8")


def _script(data: Any) -> str:
    """As JSON that may stand inside a script element: no text ends the element or begins a comment."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _status(results: Results) -> str:
    """``45 trials: 43 done, 2 diverged``."""
    counts = results.trials["status"].value_counts(sort=False)
    return f"{len(results.trials)} trials: {', '.join(f'{count} {status}' for status, count in counts.items())}"


def _warnings(results: Results) -> list[str]:
    """What must be known before a number is believed."""
    found = []
    trials = results.trials
    for column, noun in (("pixels", "pixels"), ("estimator", "estimators of log p(x)"), ("device", "devices")):
        values = [str(value) for value in trials[column].dropna().unique()]
        if len(values) > 1:
            found.append(f"Several {noun}, which are not comparable: {', '.join(values)}.")
    if results.changed_since:
        found.append(
            f"{len(results.changed_since)} trials were made by other code than today's (see what ran): "
            "bench run --rerun-stale makes them again."
        )
    return found


def _table(table: TableOnPage) -> dict[str, Any]:
    rows = [[tables.text(value) for value in row] for row in table.shown.itertuples(index=False)]
    headings = [str(name) for name in table.shown.columns]
    numeric = [tables.is_numeric([row[i] for row in rows]) for i in range(len(headings))]
    return {"name": table.name, "title": table.title, "about": table.about} | {
        "headings": headings,
        "rows": rows,
        "numeric": numeric,
    }


def _copies(table: TableOnPage) -> dict[str, str]:
    return {
        "LaTeX": table.shown.to_latex(index=False, escape=True),
        "Markdown": markdown_table(table.shown),
        "CSV": csv_text(table.unrounded),
    }


def _figure(found: FigureOnPage) -> dict[str, Any]:
    content = io.BytesIO()
    found.figure.savefig(content, format="png", dpi=DOTS, bbox_inches="tight")
    encoded = base64.b64encode(content.getvalue()).decode("ascii")
    return {"name": found.name, "title": found.title, "about": found.about, "png": encoded}
