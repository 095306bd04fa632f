"""What the command line does, as functions."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from bench.errors import OptionError, did_you_mean
from bench.execution.progress import progress
from bench.execution.runner import Execution, Plan, plan
from bench.execution.runner import run as run_plan
from bench.options import split_list
from bench.reporting.rendering import make_reports
from bench.results.frames import Results
from bench.store import study_folder
from bench.studies import files as study_files
from bench.studies.study import Study


def run(
    study: Study | str | None = None,
    *,
    size: str | None = None,
    out: str | PathLike[str] | None = None,
    execution: Execution | None = None,
    quiet: bool = False,
    **asked: object,
) -> Results:
    """Run a study (or the one that ``asked`` describes: ``algos``, ``z``, ``seeds``, ``budget``, ...); its results.

    ``study`` may be the name of a shipped one (``"aevb-fig2"``, with a ``size``) or the path of a study file; ``asked``
    overrides what it says.  ``out`` is the run folder, ``runs/NAME`` by default; what it already holds is not run
    again.  Trials that did not end well are rows of ``Results.trials`` with their reason.  Raises UsageError where the
    request is wrong.
    """
    execution = execution or Execution()
    plans, folder = plan_all(study, size, _fields(asked), Path(out) if out is not None else None, execution)
    console = Console(stderr=True, quiet=quiet)
    for planned in plans:
        with progress(planned, console) as shown:
            run_plan(planned, execution, shown.ended)
    return load(folder)


def plan_all(
    study: Study | str | None, size: str | None, fields: Mapping[str, Any], out: Path | None, execution: Execution
) -> tuple[list[Plan], Path]:
    """The plan of each part of a study, with ``fields`` of `Study` changed, and the folder that all of them lie in.

    Everything is checked before anything is trained.  Raises UsageError where the request is wrong.
    """
    if isinstance(study, str):
        found = study_files.read(study)
        chosen, parts = found.parts(size)
        folder = Path("runs") / "-".join(filter(None, (found.name, chosen))) if chosen else None
        title = found.title
    elif size is not None:
        raise OptionError(f"`size` {size!r} belongs to a study that is named: bench run aevb-fig2 --size {size}.")
    else:
        parts, folder, title = {"": study or Study()}, None, ""
    wanted = {part: dataclasses.replace(each, **fields) for part, each in parts.items()}
    folder = out or folder or default_folder(next(iter(wanted.values())))
    homes = study_folder.create(folder, title, wanted)
    return [plan(each, homes[part], execution) for part, each in wanted.items()], folder


def _fields(asked: Mapping[str, object]) -> dict[str, Any]:
    """As on the command line: names in one text, 3 for three seeds, 1e6 for a million."""
    known = [field.name for field in dataclasses.fields(Study)]
    for name in asked:
        if name not in known:
            raise OptionError(f"`run` has no argument {name!r}.{did_you_mean(name, known)}")
    given = dict(asked)
    for name in ("algos", "likelihood"):
        if isinstance(given.get(name), str):
            given[name] = tuple(split_list(str(given[name])))
    if isinstance(given.get("seeds"), int):
        given["seeds"] = tuple(range(cast(int, given["seeds"])))
    budget = given.get("budget")
    if isinstance(budget, float) and budget.is_integer():
        given["budget"] = int(budget)
    return given


def load(path: str | PathLike[str], *others: str | PathLike[str]) -> Results:
    """The results in a run folder, or in several together; raises StoreError where there are none.

    The folder of a study with parts holds several.
    """
    given = tuple({Path(each).resolve(): Path(each) for each in (path, *others)}.values())  # each run once
    first, *more = (folder for each in given for folder in study_folder.find(each))
    return Results(first, tuple(more), given)


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
    made = make_reports(results, names, formats, folder)
    for each in made:
        if each.error is not None:
            if failed is None:
                raise each.error
            failed(each.name, each.error)
    return {each.name: list(each.paths) for each in made if each.error is None}


def default_folder(study: Study) -> Path:
    """Where a study runs when no folder is named."""
    return Path("runs") / study.folder_name()
