"""What is not beaten: more for less."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def front(points: Iterable[tuple[float, float]]) -> tuple[Array, Array]:
    """The points (cost, value) than which no other costs at most as much and is worth more; by ascending cost."""
    kept: list[tuple[float, float]] = []
    for cost, value in sorted(points, key=lambda point: (point[0], -point[1])):
        if not kept or value > kept[-1][1]:
            kept.append((cost, value))
    costs, values = np.array(kept, dtype=np.float64).reshape(-1, 2).T
    return costs, values
