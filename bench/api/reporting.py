"""Reports: tables, figures and the page, made from results."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.results.frames import Results


def report(
    results: Results,
    names: Sequence[str] = (),
    formats: Sequence[str] = (),
    folder: Path | None = None,
    failed: Callable[[str, Exception], object] | None = None,
) -> dict[str, list[Path]]:
    """Make the reports of these names (all by default) and return the files that each wrote.

    ``formats`` are file endings (each report has its own; all of them by default).  A report whose options differ from
    the defaults has them in its name: ``cost-clock-samples``.  If a report raises, or cannot be loaded though nobody
    asked for it by name, ``failed`` is called with its name after the others are made; without it the exception passes.
    Raises UnknownName for an unknown report, StoreError if the folder cannot be written, none is named for several
    runs, or no report knows a format.
    """
    from bench.reporting.rendering import make_reports

    made = make_reports(results, names, formats, folder)
    for each in made:
        if each.error is not None:
            if failed is None:
                raise each.error
            failed(each.name, each.error)
    return {each.name: list(each.paths) for each in made if each.error is None}
