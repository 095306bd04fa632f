"""Planning: how many seeds, or test points, an answer takes."""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING

from bench.api.loading import load
from bench.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd

    from bench.results.frames import Results


def power(
    run: Results | str | PathLike[str], difference: float, *, level: float = 0.05, power: float = 0.8
) -> pd.DataFrame:
    """Compute how many seeds or test points are needed to detect a ``difference`` between each pair of algorithms.

    ``run`` is a run folder, or results from `bench.load`; ``difference`` is in nats per datapoint.  ``level`` is the
    probability of any false verdict among all comparisons of the run, as in the report ``differences``, and ``power``
    is the probability of detecting the difference if it exists.

    Returns a row for each pair of algorithms at each place of the grid: the ``observed`` difference; the available
    ``seeds`` and test points (``num_points``), and the ``power`` with these; ``seeds_needed`` with these test points,
    and a cautious version of it (``seeds_needed_cautious``: with the spread over seeds at its upper limit); and
    ``points_needed`` with these seeds.  Infinite means more than any reasonable number, and NaN that the number cannot
    be determined; ``why`` gives the reason.  Raises UsageError for a folder without a run, a value out of range, or a
    run without two algorithms to compare.

    >>> import bench, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     results = bench.run(
    ...         algos="aevb[learning_rate=0.02],wakesleep[learning_rate=0.02]", z=2, seeds=2, n_train=100, budget=200,
    ...         hidden=8, likelihood="importance[num_samples=10]", likelihood_points=10,
    ...         out=f"{folder}/run", execution=bench.Execution(backend="sequential"), quiet=True,
    ...     )
    ...     bench.power(results, 0.5)[["seeds", "num_points"]].to_dict("records")
    [{'seeds': 2, 'num_points': 10}]
    """
    from bench.reporting.power import Aim, table
    from bench.results.frames import Results

    aim = Aim(difference, level, power)
    rows = table(run if isinstance(run, Results) else load(run), aim)
    if rows.empty:
        raise StoreError("There is nothing to compare: the run needs two algorithms with a seed in common at a place.")
    return rows
