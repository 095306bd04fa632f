"""Renders reports, each once, and writes their files; the terminal and the page take what was rendered."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from bench.errors import StoreError, UsageError, in_words
from bench.report import Figure, Page, PageContents, PageEntry, RenderedTable, Report
from bench.reporting.processes import run_in_processes
from bench.reporting.selection import Selected, select
from bench.reporting.tables.stale import marked
from bench.reporting.writers.files import contents, write
from bench.values.texts import printable

if TYPE_CHECKING:
    from bench.results.frames import Results

ON_PAGE = "png"  # the format in which a page holds figures
Progress = Callable[[int, int], object]  # called with how many reports are rendered, and of how many


@dataclass(frozen=True)
class Made:
    """The outcome of one report: the table that it rendered, its files, or the error that it raised."""

    name: str
    report: Report | None  # None if it cannot be loaded
    table: RenderedTable | None = None
    contents: Mapping[str, bytes] = field(default_factory=dict)  # of its files, by format
    error: Exception | None = None
    paths: tuple[Path, ...] = ()


def make_reports(
    results: Results,
    names: Sequence[str] = (),
    formats: Sequence[str] = (),
    folder: Path | None = None,
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> list[Made]:
    """Make the named reports (by default all installed ones) and write their files below ``folder``.

    ``formats`` are file extensions, by default all that a report supports; a report that supports none of them is not
    rendered.  A report that fails does not affect the others: see `Made.error`.  Figures are distributed over forked
    ``processes``: see `processes.safe_number`.

    Raises the errors of `select`, UsageError if a report of these ``names`` rejects its options, and StoreError if the
    folder cannot be written, or if none is given for several runs.
    """
    if folder is None and len(results.requested) > 1:
        raise StoreError("`out` must name a folder for the report of several runs.")
    folder = folder or (results.requested or (results.path,))[0] / "report"
    selected, unloaded = select(names, formats)
    pages = [each for each in selected if each.formats and isinstance(each.report, Page)]
    others = [each for each in selected if each.formats and not isinstance(each.report, Page)]
    entries, failures = _all_entries() if pages else ([], [])
    to_render = _merged([*others, *entries])
    with _one_thread() if any(_shows_models(each.report) for each in to_render.values()) else nullcontext():
        made = _render(results, to_render, processes, progress)
    for each in others:
        if names and isinstance(error := made[each.key].error, UsageError):
            raise error
    on_page = _page_contents(entries, made, failures, folder)
    made |= {page.key: _make(results, page, on_page) for page in pages}
    return [
        *(_written(folder, each, made.get(each.key)) for each in selected),
        *(Made(name, None, error=error) for name, error in unloaded.items()),
    ]


def _all_entries() -> tuple[list[Selected], list[str]]:
    """All reports on a page, the most informative first, and which of them cannot be loaded."""
    installed, unloaded = select()
    entries = [
        replace(each, formats=(ON_PAGE,) if isinstance(each.report, Figure) else ())
        for each in sorted(installed, key=lambda each: not each.report.ends_run)
        if not isinstance(each.report, Page)
    ]
    return entries, [printable(f"{name} could not be loaded: {error}") for name, error in unloaded.items()]


def _merged(selected: Iterable[Selected]) -> dict[Hashable, Selected]:
    """Each report once, in all formats that any of these has."""
    merged: dict[Hashable, Selected] = {}
    for each in selected:
        earlier = merged.setdefault(each.key, each)
        merged[each.key] = replace(earlier, formats=tuple(dict.fromkeys([*earlier.formats, *each.formats])))
    return merged


def _render(
    results: Results, selected: Mapping[Hashable, Selected], processes: int, progress: Progress | None
) -> dict[Hashable, Made]:
    """Render figures in other processes if there are several of both, and everything else in this process."""
    figures = [key for key, each in selected.items() if isinstance(each.report, Figure)]
    made: dict[Hashable, Made] = {}

    def keep(key: Hashable, each: Made) -> None:
        made[key] = each
        if progress is not None:
            progress(len(made), len(selected))

    if progress is not None:
        progress(0, len(selected))
    if min(processes, len(figures)) > 1:
        _read_before_forking(results, [selected[key].report for key in figures])
        work = [partial(_contents, results, selected[key]) for key in figures]
        for i, files in run_in_processes(work, processes):
            if files is not None:
                keep(figures[i], Made(selected[figures[i]].name, selected[figures[i]].report, contents=files))
    for key, each in selected.items():
        if key not in made:
            keep(key, _make(results, each))
    return made


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run torch in one thread, since tensors this small gain nothing from several.

    Importing torch takes longer than most reports that do without it.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _read_before_forking(results: Results, reports: Iterable[Report]) -> None:
    """Read and import what several figures need, so that not every process does."""
    import scipy.special  # noqa: F401  # quantiles in captions
    from matplotlib.backends import backend_agg, backend_pdf, backend_svg  # noqa: F401

    from bench.reporting.figures import looks  # noqa: F401

    for frame in ("trials", "trace", "likelihoods", "diagnosis", "latents"):
        getattr(results, frame)
    if any(map(_shows_models, reports)):
        _ = results.models


def _shows_models(report: Report) -> bool:
    return isinstance(report, Figure) and report.shows_models


def _contents(results: Results, selected: Selected) -> dict[str, bytes] | None:
    """The files of a figure; None if it fails, so that it is made again in this process to get the original error."""
    made = _make(results, selected)
    return None if made.error is not None else dict(made.contents)


def _make(results: Results, selected: Selected, on_page: PageContents | None = None) -> Made:
    made = Made(selected.name, selected.report)
    try:
        report = selected.report
        rendered = report.render(results, on_page) if isinstance(report, Page) else report.render(results)
        if rendered is None:
            return made
        if isinstance(rendered, RenderedTable):
            rendered = marked(rendered, results)
        files = contents(rendered, selected.name, selected.formats)
    except Exception as error:  # noqa: BLE001  # reports are plugins: one that fails leaves the others
        return replace(made, error=error)
    return replace(made, table=rendered if isinstance(rendered, RenderedTable) else None, contents=files)


def _page_contents(
    entries: Sequence[Selected], made: Mapping[Hashable, Made], failures: Sequence[str], folder: Path
) -> PageContents:
    errors = [(each.name, made[each.key].error) for each in entries]
    shown = [(each, made[each.key].table or made[each.key].contents.get(ON_PAGE)) for each in entries]
    return PageContents(
        tuple(PageEntry(each.name, each.report, content) for each, content in shown if content is not None),
        (*failures, *(failure(name, error) for name, error in errors if error is not None)),
        folder,
    )


def failure(name: str, error: Exception) -> str:
    """The message about a report that could not be made."""
    return printable(f"{name} could not be made: {in_words(error)}")


def _written(folder: Path, selected: Selected, made: Made | None) -> Made:
    """The rendered reports, with the requested files on disk."""
    if made is None:
        return Made(selected.name, selected.report)
    files = {each: made.contents[each] for each in selected.formats if each in made.contents}
    try:
        paths = write(folder, selected.report.place, selected.name, files)
    except OSError as error:
        raise StoreError(f"The report folder {str(folder)!r} cannot be written ({error.strerror}).") from error
    return replace(made, name=selected.name, contents=files, paths=tuple(paths))
