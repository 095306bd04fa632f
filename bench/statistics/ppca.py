"""Probabilistic PCA, ``x ~ N(b, W W^T + s^2 I)``: exact log-likelihood and maximum-likelihood estimate.

Source: Tipping & Bishop 1999, "Probabilistic principal component analysis".
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def log_likelihood(x: npt.ArrayLike, weights: npt.ArrayLike, bias: npt.ArrayLike, noise_variance: float) -> Array:
    """Return log N(x; b, W W^T + s^2 I) in nats: x [N, D], weights W [D, d], bias b [D], noise_variance s^2 -> [N].

    Raises ValueError if the shapes do not match or the variance is not positive. Cost: O(N D d + D d^2).

    Example:
        >>> log_likelihood([[0.0, 0.0]], weights=[[1.0], [0.0]], bias=[0.0, 0.0], noise_variance=1.0).round(4).tolist()
        [-2.1845]
    """
    x, weights, bias = (np.asarray(a, dtype=np.float64) for a in (x, weights, bias))
    if x.ndim != 2 or weights.ndim != 2 or bias.shape != x.shape[1:] or len(weights) != x.shape[1]:
        raise ValueError(
            "`x`, `weights` and `bias` must be [N, D], [D, d] and [D] "
            f"(got {list(x.shape)}, {list(weights.shape)} and {list(bias.shape)})."
        )
    if not noise_variance > 0:
        raise ValueError(f"`noise_variance` must be above 0 (got {noise_variance}).")
    axes, lengths, _ = np.linalg.svd(weights, full_matrices=False)  # W = U S V^T, and V drops out of W W^T
    variances = lengths**2 + noise_variance
    centred = x - bias
    along = centred @ axes
    across = centred - along @ axes.T  # |centred|^2 - |along|^2 would cancel if the noise is small
    squares = (along**2 / variances).sum(1) + (across**2).sum(1) / noise_variance
    num_pixels = x.shape[1]
    log_determinant = np.log(variances).sum() + (num_pixels - len(lengths)) * math.log(noise_variance)
    result: Array = -0.5 * (num_pixels * math.log(2 * math.pi) + log_determinant + squares)
    return result


def maximum_likelihood(x: npt.ArrayLike, latent_size: int) -> tuple[Array, Array, float]:
    """Return the maximum-likelihood weights W [D, d], bias b [D] and noise variance s^2 for x [N, D], d = latent_size.

    W is not unique: W R has the same likelihood for any rotation R. The noise variance is the mean of the D - d
    smallest eigenvalues of the covariance (normalised by N, not N - 1). Raises ValueError unless 1 <= d < D, or if x
    lies in a d-dimensional subspace, for which the likelihood is unbounded. Cost: one singular value decomposition of
    [N, D].

    Example:
        >>> x = np.random.default_rng(0).normal(size=(50, 4))
        >>> weights, bias, noise_variance = maximum_likelihood(x, latent_size=2)
        >>> weights.shape, bias.shape, noise_variance > 0
        ((4, 2), (4,), True)
    """
    x = np.asarray(x, dtype=np.float64)
    if x.ndim != 2 or not 1 <= latent_size < x.shape[1]:
        raise ValueError(
            f"`x` must be [N, D] and `latent_size` at least 1 and below D (got {list(x.shape)} and {latent_size})."
        )
    num_data, num_pixels = x.shape
    bias = x.mean(0)
    _, lengths, axes = np.linalg.svd(x - bias, full_matrices=False)
    eigenvalues = lengths**2 / num_data
    noise_variance = float(eigenvalues[latent_size:].sum() / (num_pixels - latent_size))
    if noise_variance <= 1e-24 * eigenvalues.sum():  # zero up to rounding: squares of singular values
        raise ValueError(
            f"`x` must vary in more than `latent_size` dimensions, otherwise its likelihood is unbounded (got "
            f"{num_data} rows within {latent_size} dimensions): provide more rows, or a smaller `latent_size`."
        )
    weights = axes[:latent_size].T * np.sqrt(eigenvalues[:latent_size] - noise_variance)
    return weights, bias, noise_variance
