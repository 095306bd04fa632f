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

    ``formats`` are file endings, by default all those that a report has; ``folder`` is ``report`` in the run folder by
    default.  A report whose options differ from the defaults has them in its name: ``cost-clock-samples``.

    If a report raises an exception, or one that was not asked for by name cannot be loaded, ``failed`` is called with
    its name and the exception once the others are made; without ``failed`` the exception is raised.
    Raises UnknownName for an unknown report; StoreError if the folder cannot be written, if there is no ``folder`` for
    the report of several runs, or if no report has a format.

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
    from bench.reporting.rendering import make_reports

    made = make_reports(results, names, formats, folder)
    for each in made:
        if each.error is not None:
            if failed is None:
                raise each.error
            failed(each.name, each.error)
    return {each.name: list(each.paths) for each in made if each.error is None}
