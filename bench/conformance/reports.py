"""Checks of a report, on the results of a small run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.subject import Subject
from bench.conformance.tiny import blamed_on_plugin
from bench.report import RenderedFigure, RenderedPage, RenderedTable, Report
from bench.reporting.writers.files import contents
from bench.results.frames import Results
from bench.store.run_folder import Store
from bench.studies.study import Study

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.report import Rendered

RUN = "run"  # in the cache of a subject: a function that returns the results of a small run


def rendered(subject: Subject) -> Rendered:
    """What the report makes of a run; raises NotApplicable if that is nothing."""
    results = cast("Callable[[], Results]", subject.cache[RUN])()
    report: Report = subject.make()
    with blamed_on_plugin("`render` of a run", subject):
        result = report.render(results)
    if result is None:
        raise NotApplicable("it has nothing to show of the run that is tried: two algorithms, two seeds, on digits")
    return result


def renders(subject: Subject) -> None:
    """A table, a figure or a page."""
    result = subject.cache["rendered"] = rendered(subject)
    if not isinstance(result, (RenderedTable, RenderedFigure, RenderedPage)):
        raise Broken(f"`render` returns {type(result).__name__}: derive from bench.Table or bench.Figure.")


def is_written_alike_twice(subject: Subject) -> None:
    """All formats can be written, and the second time they are the same."""
    formats = subject.cls.formats
    with blamed_on_plugin("writing it", subject):
        first = cast("Rendered | None", subject.cache.get("rendered")) or rendered(subject)
        one, two = (contents(each, "report", formats) for each in (first, rendered(subject)))
    for form in formats:
        if len(one[form]) == 0:
            raise Broken(f"its {form} file is empty.")
        if one[form] != two[form]:
            raise Broken(f"its {form} file is another one the second time.")


def shows_nothing_of_an_empty_run(subject: Subject) -> None:
    """`render` returns None, and raises nothing."""
    report: Report = subject.make()
    with tempfile.TemporaryDirectory() as folder:
        empty = Results(Store.create(Path(folder, "run"), Study()).path)
        with blamed_on_plugin("`render` of a run without trials", subject):
            result = report.render(empty)
    if result is not None:
        raise Broken("of a run without trials it shows something.")


CHECKS = (
    Check(
        "renders",
        renders,
        protects="it renders the results of a run",
        why="nothing else can be tried before this works.",
        where="`table(results)` or `figure(results)`.",
        mend="see the contract in `bench/report.py`; `bench new report NAME` writes a file that works.",
        needed=True,
    ),
    Check(
        "written",
        is_written_alike_twice,
        protects="it is written in all its formats, and alike each time",
        why="pages and papers are made anew: what changes without a reason cannot be reviewed.",
        where="random jitter, the time, the order of sets; figures made by pyplot.",
        mend="sort rows, seed what is random from bench.seeds, and use matplotlib.figure.Figure.",
    ),
    Check(
        "empty_run",
        shows_nothing_of_an_empty_run,
        protects="a run that has no trials yet gives nothing rather than an error",
        why="`bench report` makes all reports, at any time of a run.",
        where="the first lines of `table` or `figure`: .iloc[0], max() of nothing, columns that are not there.",
        mend="return an empty frame, or None for a figure, if there is nothing to show.",
    ),
)
