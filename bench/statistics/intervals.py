"""Mean over training seeds, its interval, the spread between seeds, and Monte Carlo error: kept apart, never pooled.

Arrays hold the seeds along the first axis: [S] or [S, ...].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def mean(values: ArrayLike) -> Array:
    """Return the mean over seeds, or NaN if there are none."""
    array = _by_seed(values)
    return _as_array(array.mean(axis=0)) if len(array) else _nan(array)


def spread(values: ArrayLike) -> Array:
    """Return the standard deviation over seeds (S - 1 in the denominator), or NaN for fewer than two seeds.

    It indicates how much the result of another seed would differ, and does not shrink as seeds are added.
    """
    array = _by_seed(values)
    return _as_array(array.std(axis=0, ddof=1)) if len(array) > 1 else _nan(array)


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[Array, Array]:
    """Return Student's t interval ``(low, high)`` of the mean over independent, approximately normal seeds.

    Both ends are NaN for fewer than two seeds. Raises ValueError unless ``confidence`` lies between 0 and 1.

    Example:
        >>> low, high = mean_interval([1.0, 2.0, 3.0, 4.0])
        >>> print(f"{low:.2f} to {high:.2f}")
        0.45 to 4.55
    """
    from scipy.special import stdtrit  # t quantiles; scipy.stats takes a second to import

    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1 (got {confidence}).")
    array = _by_seed(values)
    if len(array) < 2:
        return _nan(array), _nan(array)
    half = stdtrit(len(array) - 1, (1 + confidence) / 2) * spread(array) / np.sqrt(len(array))
    return mean(array) - half, mean(array) + half


def error_of_mean(standard_errors: ArrayLike) -> Array:
    """Return the Monte Carlo standard error of the mean over seeds, given the standard error of each seed's estimate.

    The estimates must use independent draws. The error decreases with the number of draws per estimate, and does not
    include the spread between seeds. NaN if there are no seeds.

    Example:
        >>> round(float(error_of_mean([0.3, 0.4])), 3)
        0.25
    """
    array = _by_seed(standard_errors)
    return _as_array(np.sqrt((array**2).sum(axis=0)) / len(array)) if len(array) else _nan(array)


def _by_seed(values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        raise ValueError("`values` must hold the seeds along its first axis (got a single number).")
    return array


def _as_array(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def _nan(array: Array) -> Array:
    return np.full(array.shape[1:], np.nan)
