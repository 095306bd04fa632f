"""Reports: tables, figures and the page, made from results."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.reporting.rendering import Made, Progress
    from bench.results.frames import Results


def report(
    run: Results | str | PathLike[str],
    names: str | Sequence[str] = (),
    formats: str | Sequence[str] = (),
    out: str | PathLike[str] | None = None,
    failed: Callable[[str, Exception], object] | None = None,
    *,
    quiet: bool = False,
    trust: bool = False,
) -> dict[str, list[Path]]:
    """Make the named reports (all by default) and return the files that each of them wrote.

    ``run`` is a run folder, or results from `bench.load` (of several runs, for instance).
    ``formats`` are file extensions, by default all that a report supports; ``out`` is the output folder, by default
    ``report`` in the run folder.  Options that differ from the defaults appear in the report's file name:
    ``cost-clock-samples``.  Figures are made on all cores, with a progress bar if the error stream is a terminal,
    unless ``quiet``.  Figures of models that need a plugin's file are left out unless you ``trust`` the files that the
    folder names.

    If a report raises an exception, or if a report that was not requested by name cannot be loaded, ``failed`` is
    called with its name and the exception after the other reports are made; without ``failed``, the exception is
    raised.  Raises UnknownName for an unknown report; StoreError if the folder cannot be written, if ``out`` is missing
    for the report of several runs, or if no report supports a format.

    >>> import bench, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = bench.run(
    ...         algos="aevb[learning_rate=0.02]", z=2, seeds=1, n_train=100, budget=200, hidden=8,
    ...         likelihood="importance[num_samples=10]", likelihood_points=10,
    ...         out=f"{folder}/run", execution=bench.Execution(backend="sequential"), quiet=True,
    ...     )
    ...     files = bench.report(results, ["log_likelihood"], ["csv", "md"])
    ...     {name: [path.name for path in paths] for name, paths in files.items()}
    {'log_likelihood': ['log_likelihood.csv', 'log_likelihood.md']}
    """
    from bench.api.loading import load
    from bench.results.frames import Results

    made = make(run if isinstance(run, Results) else load(run, trust=trust), names, formats, out, quiet=quiet)
    for each in made:
        if each.error is not None:
            if failed is None:
                raise each.error
            failed(each.name, each.error)
    return {each.name: list(each.paths) for each in made if each.error is None}


def make(
    results: Results,
    names: str | Sequence[str] = (),
    formats: str | Sequence[str] = (),
    out: str | PathLike[str] | None = None,
    *,
    quiet: bool = False,
) -> list[Made]:
    """The result of `report`: the tables that were rendered, and the error of each report that failed."""
    from bench.api import arguments
    from bench.reporting.processes import safe_number
    from bench.reporting.rendering import make_reports
    from bench.values.paths import user_path

    names = arguments.names("names", names) if names else ()
    formats = arguments.names("formats", formats) if formats else ()
    folder = user_path("out", out) if out is not None else None
    processes = safe_number()  # before the bar starts: no process may be forked while another thread runs
    with _bar(quiet) as progress:
        return make_reports(results, names, formats, folder, processes=processes, progress=progress)


@contextmanager
def _bar(quiet: bool) -> Iterator[Progress]:
    """A progress bar of the rendered reports if the output is a terminal; no bar otherwise.

    The bar is redrawn when a report is done.  It has no thread, since no process may be forked while one runs.
    """
    from rich.progress import Progress as Bar

    from bench.api.console import Notes

    console = Notes(quiet=quiet)
    with Bar(console=console, transient=True, auto_refresh=False, disable=not console.is_terminal) as bar:
        task = bar.add_task("Making reports", total=None)

        def show(count: int, total: int) -> None:
            bar.update(task, completed=count, total=total, refresh=True)

        yield show
