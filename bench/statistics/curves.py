"""Learning curves of several seeds on one axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Points = tuple[Array, Array]  # x [G] ascending and above 0, y [G]


@dataclass(frozen=True)
class Band:
    """The mean over seeds and the lowest and highest seed, all [G], at the places ``x``."""

    x: Array
    mean: Array
    low: Array
    high: Array


def points(x: ArrayLike, y: ArrayLike) -> Points:
    """What a logarithmic axis can show: finite, x above 0 and ascending; of several y at one x the last."""
    xs, ys = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    shown = np.isfinite(xs) & np.isfinite(ys) & (xs > 0)
    xs, ys = xs[shown][::-1], ys[shown][::-1]
    ascending, last = np.unique(xs, return_index=True)
    return ascending, ys[last]


def align(curves: Sequence[Points]) -> tuple[Array, Array]:
    """All seeds at common places: x [G] and values [S, G].

    The places are those of every seed, inside the stretch that all seeds have covered, so that no mean changes its
    seeds on the way.  Seeds that were evaluated at the same x are taken as they are; elsewhere (the seconds of two
    seeds never agree) a seed is interpolated, linearly in log x.  Empty where the seeds have no stretch in common.
    """
    if not curves or any(len(x) == 0 for x, _ in curves):
        return np.empty(0), np.empty((len(curves), 0))
    places = np.unique(np.concatenate([x for x, _ in curves]))
    first, last = max(x[0] for x, _ in curves), min(x[-1] for x, _ in curves)
    places = places[(places >= first) & (places <= last)]
    return places, np.stack([_at(places, x, y) for x, y in curves])


def band(curves: Sequence[Points]) -> Band | None:
    """Mean, lowest and highest over the seeds; None where they have nothing in common."""
    x, values = align(curves)
    if len(x) == 0:
        return None
    return Band(x, values.mean(axis=0), values.min(axis=0), values.max(axis=0))


def visible_range(curves: Sequence[Array], single: Sequence[float] = (), early: float = 0.5) -> tuple[float, float]:
    """A y range in which learning can be seen: the lowest marks of each curve, a share of ``early``, are left out.

    An untrained model lies hundreds of nats below a trained one and would press all curves into one line.  A curve that
    has lost more than the best one has gained has blown up and does not count.  ``single`` are further values that must
    be visible.  (0, 1) where there is nothing.
    """
    sound = _sound([curve for curve in curves if len(curve)])
    lows = [float(np.quantile(curve, early)) for curve in sound] + [float(value) for value in single]
    highs = [float(curve.max()) for curve in sound] + [float(value) for value in single]
    if not lows:
        return 0.0, 1.0
    low, high = min(lows), max(highs)
    margin = 0.05 * (high - low) or 1.0
    return low - margin, high + margin


def entry(x: Array, y: Array, low: float) -> float:
    """The x at which a curve first reaches ``low``, or its first x where it never does."""
    reached = np.flatnonzero(y >= low)
    return float(x[reached[0]] if len(reached) else x[0])


def _sound(curves: Sequence[Array]) -> list[Array]:
    if not curves:
        return []
    begin = float(np.median([curve[0] for curve in curves]))
    gain = abs(max(float(curve[-1]) for curve in curves) - begin)
    return [curve for curve in curves if curve[-1] >= begin - gain]


def _at(places: Array, x: Array, y: Array) -> Array:
    """y at ``places``: exactly where x has them, interpolated in log x where not."""
    values = np.interp(np.log(places), np.log(x), y)
    known = np.isin(places, x)
    values[known] = y[np.isin(x, places)]
    return values
