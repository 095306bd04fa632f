"""Histograms of ranks, which are uniform if the distribution that they are taken in is the right one."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


def histogram(ranks: ArrayLike, num_bins: int) -> Array:
    """Return the fraction of ranks in [0, 1] per bin, times the number of bins: about 1 if uniform.  [N] -> [B].

    >>> histogram([0.1, 0.2, 0.6, 1.0], 2).tolist()
    [1.0, 1.0]
    """
    counts, _ = np.histogram(ranks, num_bins, (0.0, 1.0))
    shares: Array = counts * num_bins / np.asarray(ranks).size
    return shares


def uniform_band(num_ranks: int, num_bins: int, confidence: float) -> tuple[float, float]:
    """Return heights ``(low, high)`` between which all bars of `histogram` are expected for uniform ranks.

    The probability of this is at least ``confidence``: the counts are binomial, and each exceeds its limits with a
    probability of at most ``(1 - confidence) / num_bins`` (Bonferroni).
    Source: Talts et al. 2018, "Validating Bayesian inference algorithms with simulation-based calibration".

    >>> uniform_band(500, 10, 0.99)
    (0.58, 1.46)
    """
    from scipy.special import bdtr  # the binomial distribution function; scipy.stats takes half a second to import

    beyond = (1 - confidence) / num_bins
    reached = bdtr(np.arange(num_ranks + 1), num_ranks, 1 / num_bins)  # [N + 1] increasing, to 1
    low, high = (float(np.searchsorted(reached, level)) for level in (beyond / 2, 1 - beyond / 2))
    return low * num_bins / num_ranks, high * num_bins / num_ranks
