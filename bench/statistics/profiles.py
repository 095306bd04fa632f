"""Performance profiles: on what share of the problems is an algorithm nearly as fast as the fastest?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def ratios(problems: Sequence[Mapping[str, ArrayLike]]) -> dict[str, Array]:
    """Each run's time over the best median of its problem, by algorithm, all problems together.

    ``problems`` hold the times of each algorithm's runs; infinite ones stay infinite.  A problem that no algorithm's
    median run solves is measured against the fastest run, and counts as unsolved where there is none.
    Source: Dolan & More 2002, "Benchmarking optimization software with performance profiles".
    """
    found: dict[str, list[Array]] = {}
    for problem in problems:
        times = {name: np.asarray(values, dtype=np.float64) for name, values in problem.items()}
        best = min(float(np.quantile(values, 0.5, method="inverted_cdf")) for values in times.values())
        if not np.isfinite(best):
            best = min(float(values.min()) for values in times.values())
        for name, values in times.items():
            scaled = values / best if np.isfinite(best) else np.full_like(values, np.inf)
            found.setdefault(name, []).append(np.where(np.isfinite(values), scaled, np.inf))
    return {name: np.sort(np.concatenate(values)) for name, values in found.items()}


def share_within(factors: ArrayLike, sorted_ratios: Array) -> Array:
    """The share of runs with a ratio of at most each factor: [F] -> [F]."""
    within: Array = np.searchsorted(sorted_ratios, np.asarray(factors), side="right") / len(sorted_ratios)
    return within
