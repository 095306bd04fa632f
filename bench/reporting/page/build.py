"""Puts the page together: answer, curves, tables and figures into one file."""

from __future__ import annotations

import base64
import io
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import pandas as pd
from jinja2 import Environment, StrictUndefined

from bench.reporting import caveats, tables
from bench.reporting.figures import extent
from bench.reporting.latex import latex_table
from bench.reporting.page.answer import answers
from bench.reporting.page.curves import curves
from bench.reporting.writers import csv_text, markdown_table
from bench.results.frames import folder_names

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.figure import Figure

    from bench.results.frames import Results

DOTS = 110, 200  # an inch, at least and at most: sharp on a screen, and smaller than what is for print


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


def build(
    results: Results,
    tables_: Sequence[TableOnPage],
    figures: Sequence[FigureOnPage],
    drawn: Mapping[str, str],
    failures: Sequence[str] = (),
    out: Path | None = None,
) -> str:
    """The page as HTML.  Everything that comes from users is escaped; nothing is loaded from anywhere.

    ``drawn`` names the figure of the learning curves against each clock, ``failures`` say which reports could not be
    made and why, ``out`` is the report folder.
    """
    from plotly.offline import get_plotlyjs

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    template = environment.from_string(_asset("page.html.j2"))
    runs = results.given or (results.path, *results.others)
    return template.render(
        title=", ".join(folder_names(runs).values()),
        command=_command(runs, out),
        answers=answers(results),
        judge=_judge(results),
        costs=caveats.costs(results),
        status=_status(results),
        warnings=[*_warnings(results), *failures],
        tables=[_table(table) for table in tables_],
        figures=[_figure(figure) for figure in figures],
        curves=_script({**curves(results), "figures": dict(drawn)}),
        copies=_script({table.name: _copies(table) for table in tables_}),
        style=_asset("page.css"),
        script=_asset("page.js"),
        plotly=get_plotlyjs(),
    )


def _asset(name: str) -> str:
    return files("bench.reporting.page").joinpath(name).read_text(encoding="utf-8")


def _script(data: Any) -> str:
    """As JSON that may stand inside a script element: no text ends the element or begins a comment."""
    text = json.dumps(data, allow_nan=False, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _status(results: Results) -> str:
    """``45 trials: 43 done, 2 diverged``."""
    counts = results.trials["status"].value_counts(sort=False)
    return f"{len(results.trials)} trials: {', '.join(f'{count} {status}' for status, count in counts.items())}"


def _command(runs: Sequence[Path], out: Path | None) -> str:
    """What makes this report again; the folder is named where it is not the run's own."""
    elsewhere = out is not None and (len(runs) > 1 or out.resolve() != (runs[0] / "report").resolve())
    arguments = [*runs, *(["--out", out] if elsewhere else [])]
    return f"bench report {' '.join(shlex.quote(str(argument)) for argument in arguments)}"


def _judge(results: Results) -> str:
    """``importance, lower bound, on 300 test points``: by what the answers are."""
    estimates = results.likelihoods
    first = estimates[estimates["split"] == "test"].drop_duplicates("trial")
    judges = first[["estimator", "bias", "num_points"]].drop_duplicates()
    words = {"lower": "a lower bound", "upper": "an upper bound", "upward": "biased upward", "": "without estimate"}
    return "; ".join(
        f"{estimator} ({words.get(bias, bias)}) on {tables.quantity(int(count), 'test point')}"
        for estimator, bias, count in judges.itertuples(index=False)
    )


def _warnings(results: Results) -> list[str]:
    """What must be known before a number is believed."""
    found = caveats.warnings(results)
    devices = [str(value) for value in results.trials["device"].dropna().unique()]
    if len(devices) > 1:
        found.append(f"Several devices, whose seconds are not comparable: {', '.join(devices)}.")
    if results.changed_since:
        found.append(
            f"{tables.quantity(len(results.changed_since), 'trial')} made by other code than today's (see what ran): "
            "bench run --rerun-stale makes them again."
        )
    return found


def _table(table: TableOnPage) -> dict[str, Any]:
    """For the template; what all rows have in common stands above them, so that the rest has room."""
    columns = {str(name): [tables.text(value) for value in table.shown[name]] for name in table.shown.columns}
    shown, common = tables.without_common(columns)
    return {"name": table.name, "title": table.title, "about": table.about} | {
        "common": [f"{name}: {text}" for name, text in common.items() if text],
        "headings": [*shown],
        "rows": [*zip(*shown.values(), strict=True)],
        "numeric": [tables.is_numeric(cells) for cells in shown.values()],
    }


def _copies(table: TableOnPage) -> dict[str, str]:
    return {
        "LaTeX": latex_table(table.shown),
        "Markdown": markdown_table(table.shown),
        "CSV": csv_text(table.unrounded),
    }


def _figure(found: FigureOnPage) -> dict[str, Any]:
    from PIL import Image

    content, small = io.BytesIO(), io.BytesIO()
    found.figure.savefig(content, format="png", dpi=_dots(found.figure), bbox_inches=extent(found.figure))
    with Image.open(content) as image:  # 256 colours that cover all are as good, and a third of the size
        few = image.convert("RGB").quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(small, format="png", optimize=True)
    encoded = base64.b64encode(small.getvalue()).decode("ascii")
    return {"name": found.name, "title": found.title, "about": found.about, "png": encoded}


def _dots(figure: Figure) -> float:
    """An inch: enough that each pixel of an image in the figure has one, within limits."""
    needed = [DOTS[0]]
    for axes in figure.axes:
        width = axes.get_position().width * figure.get_size_inches()[0]
        needed += [image.get_size()[1] / width for image in axes.get_images()]
    return min(max(needed), DOTS[1])
