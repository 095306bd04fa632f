"""How fast a curve rises: the time to a target, and the area below.  One curve is x [G] ascending and y [G]."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from bench.statistics.curves import Points

Array = NDArray[np.float64]


def time_to(target: float, curve: Points) -> float:
    """The first x at which y is at least ``target``, interpolated linearly in log x; infinite where it never is.

    A run that never gets there stays in the statistics.  Source: Dahl et al. 2023, "Benchmarking neural network
    training algorithms", section 4.
    """
    x, y = curve
    reached = np.flatnonzero(y >= target)
    if not len(reached):
        return math.inf
    first = int(reached[0])
    if first == 0:
        return float(x[0])
    before = first - 1
    share = (target - y[before]) / (y[first] - y[before])
    return float(x[before] * (x[first] / x[before]) ** share)


def mean_height(curve: Points, low: float, high: float) -> float:
    """The mean of y over log x from ``low`` to ``high``, by the trapezoidal rule: area under the curve, in y's unit.

    NaN where the curve does not reach from ``low`` to ``high``, or the stretch is empty.
    """
    x, y = curve
    if not (len(x) and 0 < low < high and x[0] <= low and high <= x[-1]):
        return math.nan
    log_x, ends = np.log(x), np.log([low, high])
    inside = (log_x > ends[0]) & (log_x < ends[1])
    places = np.concatenate([ends[:1], log_x[inside], ends[1:]])
    return float(np.trapezoid(np.interp(places, log_x, y), places) / (ends[1] - ends[0]))
