"""Pareto front of cost and value."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def front(points: Iterable[tuple[float, float]]) -> tuple[Array, Array]:
    """Return the points (cost, value) that no other point dominates, in order of increasing cost.

    A point dominates another if it costs no more and has a higher value, or costs less and has the same value.

    Example:
        >>> costs, values = front([(3.0, -20.0), (1.0, -25.0), (2.0, -26.0)])
        >>> costs.tolist(), values.tolist()
        ([1.0, 3.0], [-25.0, -20.0])
    """
    kept: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or value > kept[-1][1]:
            kept.append((cost, value))
    costs, values = np.array(kept, dtype=np.float64).reshape(-1, 2).T
    return costs, values
