"""How fast a curve rises: time to a target, and area under the curve. A curve is x [G], ascending, and y [G]."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.statistics.curves import Points

Array = NDArray[np.float64]


def time_to(target: float, curve: Points) -> float:
    """Return the first x at which y reaches ``target``, interpolated linearly in log x.

    The time of a curve that never reaches the target is infinite, so that it remains in the statistics.
    Source: Dahl et al. 2023, "Benchmarking neural network training algorithms", section 4.

    Example:
        >>> curve = np.array([1.0, 10.0, 100.0]), np.array([0.0, 1.0, 2.0])
        >>> time_to(1.0, curve), time_to(3.0, curve)
        (10.0, inf)
    """
    x, y = curve
    reached = np.flatnonzero(y >= target)
    if not len(reached):
        return math.inf
    first = int(reached[0])
    if first == 0:
        return float(x[0])
    before = first - 1
    fraction = (target - y[before]) / (y[first] - y[before])
    return float(x[before] * (x[first] / x[before]) ** fraction)


def mean_height(curve: Points, low: float, high: float) -> float:
    """Return the mean of y over log x between ``low`` and ``high``, by the trapezoidal rule.

    This is the area under the curve per unit of log x, in the unit of y. NaN if the curve does not cover ``low`` to
    ``high``, or if the range is empty.

    Example:
        >>> curve = np.array([1.0, 10.0, 100.0]), np.array([0.0, 1.0, 2.0])
        >>> round(mean_height(curve, 1, 100), 6)
        1.0
    """
    x, y = curve
    if not (len(x) and 0 < low < high and x[0] <= low and high <= x[-1]):
        return math.nan
    log_x, ends = np.log(x), np.log([low, high])
    inside = (log_x > ends[0]) & (log_x < ends[1])
    knots = np.concatenate([ends[:1], log_x[inside], ends[1:]])
    return float(np.trapezoid(np.interp(knots, log_x, y), knots) / (ends[1] - ends[0]))
