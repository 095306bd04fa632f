"""Learning curves of several seeds on a common axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Points = tuple[Array, Array]  # x [G], ascending and positive; y [G]


@dataclass(frozen=True)
class Band:
    """Mean, minimum and maximum over seeds at the points ``x``, all [G]."""

    x: Array
    mean: Array
    low: Array
    high: Array


def points(x: ArrayLike, y: ArrayLike) -> Points:
    """Return the points that a logarithmic axis can show: finite, with x positive and ascending.

    If several points share one x, the last one is kept.

    Example:
        >>> x, y = points([0, 10, 10, 20], [-9.0, -3.0, -2.0, -1.0])
        >>> x.tolist(), y.tolist()
        ([10.0, 20.0], [-2.0, -1.0])
    """
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    valid = np.isfinite(xs) & np.isfinite(ys) & (xs > 0)
    xs, ys = xs[valid][::-1], ys[valid][::-1]
    ascending, last = np.unique(xs, return_index=True)
    return ascending, ys[last]


def align(curves: Sequence[Points]) -> tuple[Array, Array]:
    """Align the curves of all seeds on common points: x [G] and values [S, G].

    The points are the union of all seeds' points within the range that every seed covers, so that the mean is over the
    same seeds everywhere. A seed's value is used unchanged at its own points and interpolated linearly in log x
    elsewhere (training seconds, for instance, never coincide). Empty if the seeds have no range in common.

    Example:
        >>> one = np.array([1.0, 100.0]), np.array([0.0, 2.0])
        >>> other = np.array([10.0, 100.0]), np.array([5.0, 6.0])
        >>> x, values = align([one, other])
        >>> x.tolist(), values.round(3).tolist()
        ([10.0, 100.0], [[1.0, 2.0], [5.0, 6.0]])
    """
    if not curves or any(len(x) == 0 for x, _ in curves):
        return np.empty(0), np.empty((len(curves), 0))
    common = np.unique(np.concatenate([x for x, _ in curves]))
    first, last = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    common = common[(common >= first) & (common <= last)]
    return common, np.stack([_interpolated(common, x, y) for x, y in curves])


def band(curves: Sequence[Points]) -> Band | None:
    """Return mean, minimum and maximum over seeds, or None if the seeds have no range in common."""
    x, values = align(curves)
    if len(x) == 0:
        return None
    return Band(x, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def visible_range(curves: Sequence[Array], single: Sequence[float] = (), early: float = 0.5) -> tuple[float, float]:
    """Return a y range in which learning is visible, by ignoring the lowest fraction ``early`` of each curve.

    The bound of an untrained model is hundreds of nats below that of a trained one, and including it would flatten all
    curves. Curves that lost more than the best one gained are considered diverged and are ignored. Values in ``single``
    are always included. Returns (0, 1) if there is nothing to show.
    """
    kept = _without_diverged([curve for curve in curves if len(curve)])
    lows = [float(np.quantile(curve, early)) for curve in kept] + [float(value) for value in single]
    highs = [float(curve.max()) for curve in kept] + [float(value) for value in single]
    if not lows:
        return 0.0, 1.0
    low, high = min(lows), max(highs)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def entry(x: Array, y: Array, low: float) -> float:
    """Return the x at which a curve first reaches ``low``, or its first x if it never does."""
    reached = np.flatnonzero(y >= low)
    return float(x[reached[0]] if len(reached) else x[0])


def _without_diverged(curves: Sequence[Array]) -> list[Array]:
    if not curves:
        return []
    start = float(np.median([curve[0] for curve in curves]))
    gain = abs(max(float(curve[-1]) for curve in curves) - start)
    return [curve for curve in curves if curve[-1] >= start - gain]


def _interpolated(points: Array, x: Array, y: Array) -> Array:
    """y at ``points``: exact at those that are in x, interpolated linearly in log x at the others."""
    values = np.interp(np.log(points), np.log(x), y)
    known = np.isin(points, x)
    values[known] = y[np.isin(x, points)]
    return values
