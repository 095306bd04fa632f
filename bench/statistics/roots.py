"""Roots of monotonic functions, without scipy.optimize, which takes half a second to import."""

from __future__ import annotations

from collections.abc import Callable


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Find where a monotonic ``function`` changes sign between ``low`` and ``high``, to the last bit; some 60 calls.

    Raises ValueError if there is no sign change.

    >>> root(lambda x: x**2 - 2, 0.0, 2.0) ** 2  # doctest: +ELLIPSIS
    2.00000000000000...
    """
    below = function(low) < 0
    if (function(high) < 0) == below:
        raise ValueError(f"`function` has the same sign at {low} and at {high}.")
    while low < (middle := (low + high) / 2) < high:
        low, high = (middle, high) if (function(middle) < 0) == below else (low, middle)
    return high
