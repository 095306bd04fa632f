"""Reports: tables, figures and the page, made from results."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from bench import options, plugins
from bench.errors import PluginError, StoreError, UsageError

if TYPE_CHECKING:
    from bench.report import Report
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
    the defaults has them in its name: ``cost-clock-samples``.  Where a report raises, or cannot be loaded though nobody
    asked for it by name, ``failed`` is called with its name, and the others are made; without it the exception passes.
    Raises UnknownName for an unknown report, StoreError where the folder cannot be written, none is named for several
    runs, or no report knows a format.
    """
    if folder is None and len(results.given) > 1:
        raise StoreError("`out` must name a folder for the report of several runs: give --out.")
    target = folder or (results.given or (results.path,))[0] / "report"
    makers = reports(names, failed)
    made = {}
    for name, maker in makers.items():
        wanted = tuple(f for f in maker.formats if not formats or f in formats)
        try:
            made[name] = maker.save(results, target / maker.place, name, wanted)
        except OSError as error:
            raise StoreError(f"The report folder {str(target)!r} cannot be written ({error.strerror}).") from error
        except Exception as error:
            if failed is None or isinstance(error, UsageError):
                raise
            failed(name, error)
    known = {format_ for maker in makers.values() for format_ in maker.formats}
    unknown = sorted(set(formats) - known)
    if unknown:
        raise StoreError(f"No report is made as {', '.join(unknown)}: choose among {', '.join(sorted(known))}.")
    return made


def reports(names: Sequence[str] = (), failed: Callable[[str, Exception], object] | None = None) -> dict[str, Report]:
    """The reports of these names (all that are installed by default), by the name of the files that they write."""
    found: dict[str, Report] = {}
    for text in names or plugins.find("report"):
        reference, settings = plugins.resolve("report", text)
        try:
            maker: Report = reference.load()(**settings)
        except PluginError as error:
            if names or failed is None:
                raise
            failed(text, error)
        else:
            changed = options.call_name(reference.name, maker.options).removeprefix(reference.name)
            found[reference.name + re.sub(r"[^\w.]+", "-", changed).rstrip("-")] = maker
    return found
