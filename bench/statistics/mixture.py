"""Mixtures of spherical Gaussians: the exact log-likelihood."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import logsumexp

Array = npt.NDArray[np.float64]


def log_likelihood(x: npt.ArrayLike, weights: npt.ArrayLike, means: npt.ArrayLike, noise_variance: float) -> Array:
    """Return log sum_k w_k N(x; m_k, s^2 I) in nats: x [N, D], weights [K], means [K, D], noise_variance s^2 -> [N].

    Raises ValueError if the shapes do not match, the weights are not probabilities or the variance is not positive.
    Cost: O(N K D).

    Example:
        >>> log_likelihood([[0.0, 0.0]], weights=[1.0], means=[[0.0, 0.0]], noise_variance=1.0).round(4).tolist()
        [-1.8379]
    """
    x, weights, means = (np.asarray(a, dtype=np.float64) for a in (x, weights, means))
    if x.ndim != 2 or means.ndim != 2 or x.shape[1] != means.shape[1] or weights.shape != means.shape[:1]:
        raise ValueError(
            "`x`, `weights` and `means` must be [N, D], [K] and [K, D] "
            f"(got {list(x.shape)}, {list(weights.shape)} and {list(means.shape)})."
        )
    if not ((weights >= 0).all() and math.isclose(weights.sum(), 1)):
        raise ValueError(f"`weights` must be at least 0, with a sum of 1 (got {weights.tolist()}).")
    if not noise_variance > 0:
        raise ValueError(f"`noise_variance` must be above 0 (got {noise_variance}).")
    squares = np.stack([np.square(x - mean).sum(1) for mean in means], axis=1)  # [N, K]
    log_components = -0.5 * (squares / noise_variance + x.shape[1] * math.log(2 * math.pi * noise_variance))
    result: Array = logsumexp(log_components, axis=1, b=weights)
    return result
