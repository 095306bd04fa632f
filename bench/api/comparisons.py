"""Comparing two runs."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Literal

from bench.api.loading import load

if TYPE_CHECKING:
    from bench.reporting.comparison.compare import Comparison
    from bench.results.frames import Results


def compare(
    base: Results | str | PathLike[str],
    new: Results | str | PathLike[str],
    *,
    min_nats: float = 0.1,
    min_ratio: float = 1.1,
    false_alarms: float = 0.05,
    timings: Literal["auto", "always", "never"] = "auto",
) -> Comparison:
    """Compare the run ``new`` with the run ``base``, cell by cell: what got better or worse, and how certainly.

    Each is a run folder, or results from `bench.load`; reference runs in them are left out.

    Differences of less than ``min_nats`` nats, and ratios of times and speeds below ``min_ratio``, do not count.
    ``false_alarms`` is the probability of any false alarm if nothing has changed.  ``timings`` determines whether to
    compare seconds: ``auto`` does so if machine, workers and load were alike.

    ``Comparison.rows`` holds every comparison, and ``Comparison.of("worse")`` returns those with that verdict.  A
    measure that cannot be compared has a row that gives the reason.  Raises UsageError for a folder without a run or a
    value out of range.

    >>> import bench, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = bench.run(
    ...         algos="aevb[learning_rate=0.02]", z=2, seeds=1, n_train=100, budget=200, hidden=8,
    ...         likelihood="importance[num_samples=10]", likelihood_points=10,
    ...         out=f"{folder}/run", execution=bench.Execution(backend="sequential"), quiet=True,
    ...     )
    ...     bench.compare(f"{folder}/run", f"{folder}/run").of("worse")
    []
    """
    from bench.reporting.comparison.compare import compare
    from bench.reporting.comparison.verdict import Rules
    from bench.results.frames import Results

    one, other = (run if isinstance(run, Results) else load(run) for run in (base, new))
    return compare(one.without_references, other.without_references, Rules(min_nats, min_ratio, false_alarms, timings))
