"""How surely a mean over training seeds is known, and how far the seeds lie apart: three numbers, never one.

Arrays hold the seeds along the first axis: [S] or [S, ...].
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def mean(values: ArrayLike) -> Array:
    """Mean over seeds; NaN where there is none."""
    array = _by_seed(values)
    return _as_array(array.mean(axis=0)) if len(array) else _nothing(array)


def spread(values: ArrayLike) -> Array:
    """Standard deviation over seeds (S - 1 in the denominator): how much another seed would differ; NaN below two."""
    array = _by_seed(values)
    return _as_array(array.std(axis=0, ddof=1)) if len(array) > 1 else _nothing(array)


def mean_interval(values: ArrayLike, confidence: float = 0.95) -> tuple[Array, Array]:
    """Student's t interval of the mean over seeds, ``(low, high)``, for seeds that are independent and near normal.

    One seed says nothing of the others: below two the interval is NaN.
    Raises ValueError where ``confidence`` does not lie between 0 and 1.
    """
    from scipy.special import stdtrit  # t quantiles; scipy.stats takes a second to import

    if not 0 < confidence < 1:
        raise ValueError(f"`confidence` must lie between 0 and 1 (got {confidence}).")
    array = _by_seed(values)
    if len(array) < 2:
        return _nothing(array), _nothing(array)
    half = stdtrit(len(array) - 1, (1 + confidence) / 2) * spread(array) / np.sqrt(len(array))
    return mean(array) - half, mean(array) + half


def error_of_mean(standard_errors: ArrayLike) -> Array:
    """Monte Carlo standard error of the mean over seeds, from each seed's own (independent draws); NaN without any.

    It falls with more draws an estimate, and says nothing of the spread over seeds.
    """
    array = _by_seed(standard_errors)
    return _as_array(np.sqrt((array**2).sum(axis=0)) / len(array)) if len(array) else _nothing(array)


def _by_seed(values: ArrayLike) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim == 0:
        raise ValueError("`values` must hold the seeds along its first axis (got a single number).")
    return array


def _as_array(values: ArrayLike) -> Array:
    return np.asarray(values, dtype=np.float64)


def _nothing(array: Array) -> Array:
    return np.full(array.shape[1:], np.nan)
