"""A lower and an upper bound on log p(x) from the same draws of the prior, where the true z of each x is known.

Source: Grosse, Ghahramani & Adams 2015, "Sandwiching the marginal likelihood using bidirectional Monte Carlo": of an
annealing without intermediate distributions.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


class Sandwich:
    """log p(x) from below, ``log (1/K) sum_k p(x|z_k)`` with z_k from the prior, and from above.

    For the upper bound, the last draw is replaced by the z that x was generated from, which is a draw from p(z|x).
    Both are bounds in expectation, per datapoint.  Draws are added in parts, so that memory does not grow with their
    number.

    Example:
        >>> both = Sandwich(np.log([0.25]))
        >>> both.add(np.log([[0.25, 0.5]]))
        >>> both.add(np.log([[0.75]]))
        >>> np.exp(both.lower).round(3).tolist(), np.exp(both.upper).round(3).tolist()
        ([0.5], [0.333])
    """

    def __init__(self, log_p_of_truth: npt.ArrayLike) -> None:
        """``log_p_of_truth`` [N] is log p(x_n|z_n) at the z that each x was generated from."""
        self._truth = np.asarray(log_p_of_truth, dtype=np.float64)
        self._earlier = np.full_like(self._truth, -math.inf)  # log of the sum over all draws but the last
        self._last = np.full_like(self._truth, -math.inf)
        self._num_draws = 0

    def add(self, log_p: npt.ArrayLike) -> None:
        """Add log p(x_n|z_k) [N, K] at K more draws from the prior, whether or not all datapoints share them."""
        values = np.asarray(log_p, dtype=np.float64)
        self._earlier = np.logaddexp(self._earlier, self._last)
        self._last = values[:, -1]
        if values.shape[1] > 1:
            others = values[:, :-1]
            highest = others.max(1)
            self._earlier = np.logaddexp(self._earlier, highest + np.log(np.exp(others - highest[:, None]).sum(1)))
        self._num_draws += values.shape[1]

    @property
    def lower(self) -> Array:
        """At most log p(x) in expectation: [N]."""
        result: Array = np.logaddexp(self._earlier, self._last) - math.log(self._num_draws)
        return result

    @property
    def upper(self) -> Array:
        """At least log p(x) in expectation: [N]."""
        result: Array = np.logaddexp(self._earlier, self._truth) - math.log(self._num_draws)
        return result
