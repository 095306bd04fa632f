"""Performance profiles: the fraction of problems on which an algorithm is within a factor of the fastest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def ratios(problems: Sequence[Mapping[str, ArrayLike]]) -> dict[str, Array]:
    """Return, per algorithm, the ratios of all runs' times to the best median time of their problem, sorted.

    Each entry of ``problems`` maps algorithms to the times of their runs; infinite times have infinite ratios. If no
    algorithm has a finite median on a problem, the fastest run is the reference, and if no run is finite, all ratios of
    that problem are infinite.
    Source: Dolan & More 2002, "Benchmarking optimization software with performance profiles".

    Example:
        >>> by_algorithm = ratios([{"a": [10.0, 20.0, 30.0], "b": [40.0, 40.0, np.inf]}])
        >>> by_algorithm["b"].tolist()
        [2.0, 2.0, inf]
        >>> share_within([1.0, 2.0], by_algorithm["b"]).round(2).tolist()
        [0.0, 0.67]
    """
    by_algorithm: dict[str, list[Array]] = {}
    for problem in problems:
        times = {name: np.asarray(values, dtype=np.float64) for name, values in problem.items()}
        best = min(float(np.quantile(values, 0.5, method="inverted_cdf")) for values in times.values())
        if not np.isfinite(best):
            best = min(float(values.min()) for values in times.values())
        for name, values in times.items():
            scaled = values / best if np.isfinite(best) else np.full_like(values, np.inf)
            by_algorithm.setdefault(name, []).append(np.where(np.isfinite(values), scaled, np.inf))
    return {name: np.sort(np.concatenate(values)) for name, values in by_algorithm.items()}


def share_within(factors: ArrayLike, sorted_ratios: Array) -> Array:
    """Return the fraction of runs whose ratio is at most each factor: [F] -> [F]."""
    within: Array = np.searchsorted(sorted_ratios, np.asarray(factors), side="right") / len(sorted_ratios)
    return within
