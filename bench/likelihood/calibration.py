"""Whether the encoder's q(z|x) is as wide as the posterior: simulation-based calibration, and an upper bound.

For data drawn from the model, exact posterior draws are available: the z from which they were generated.  If q is the
posterior, the rank of that z among draws of q is uniform, whatever the model.
Source: Talts et al. 2018, "Validating Bayesian inference algorithms with simulation-based calibration"; Hermans et al.
2022, "A trust crisis in simulation-based inference?", for expected coverage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from bench.likelihood.bidirectional import simulate
from bench.models.frozen import frozen
from bench.models.latent import LatentVariableModel

NUM_POINTS = 500  # drawn from the model
FALSE_ALARM = 0.01  # probability that an exact posterior is not classified as calibrated
LEVEL = 0.9  # of the central intervals whose coverage is reported


@dataclass(frozen=True)
class Calibration:
    """How the encoder's q(z|x) compares with exact posterior draws, on N datapoints drawn from the model."""

    ranks: Tensor  # [N, d] in [0, 1]: of the true z_j among draws of q(z_j|x)
    squares: Tensor  # [N] mean over dimensions of the squared distance of z from q's mean, in its standard deviations
    eubo: float  # mean of log p(x, z) - log q(z|x) at the exact z: an upper bound on the mean log p(x), nats
    eubo_se: float
    bound: float  # the lower bound on the same data, nats
    bound_se: float

    @property
    def divergences(self) -> float:
        """KL(p(z|x) || q) + KL(q || p(z|x)) in nats per datapoint: the distance between the two bounds."""
        return self.eubo - self.bound

    @property
    def coverage(self) -> float:
        """How often q's central 90 % intervals contain the true z_j, over all datapoints and dimensions."""
        return float(((self.ranks - 0.5).abs() <= LEVEL / 2).double().mean())

    @property
    def p(self) -> float:
        """The p-value of the ranks under the hypothesis that q is exact: Kolmogorov's test with Bonferroni correction.

        Both the ranks of each dimension and their squared distances from the middle, which are most sensitive to a
        wrong width, are tested: 2 d tests.
        """
        from scipy.stats import kstwo  # takes a second to import

        return min(1.0, 2 * self.ranks.shape[1] * float(kstwo.sf(self._furthest, len(self.ranks))))

    @property
    def verdict(self) -> str:
        """``calibrated``, ``overconfident`` (q is too narrow), ``underconfident`` (too wide) or ``misplaced``."""
        if self._furthest < largest_distance(FALSE_ALARM / (2 * self.ranks.shape[1]), len(self.ranks)):
            return "calibrated"  # `p` is above FALSE_ALARM
        error = float(self.squares.std()) / math.sqrt(len(self.squares))
        excess = float(self.squares.mean()) - 1
        if abs(excess) <= 3 * error:
            return "misplaced"
        return "overconfident" if excess > 0 else "underconfident"

    @cached_property
    def _furthest(self) -> float:
        """The largest distance between any test's empirical distribution function and the uniform one."""
        tests = torch.cat([self.ranks, 2 * (self.ranks - 0.5).abs()], 1)  # [N, 2 d]
        ordered, count = tests.sort(0).values, len(tests)
        steps = torch.arange(count, dtype=tests.dtype, device=tests.device)[:, None] / count
        return float(torch.maximum(ordered - steps, steps + 1 / count - ordered).max())


def calibrate(model: LatentVariableModel, generator: torch.Generator, num_points: int = NUM_POINTS) -> Calibration:
    """The calibration of a model with an encoder and continuous z.

    The rank among infinitely many draws from a Gaussian q is its distribution function at z.  For any other q, ranks
    are computed in the coordinates in which q is standard normal.  Cost: 2 model evaluations for each of
    ``num_points``.

    >>> from bench import seeds
    >>> from bench.architectures.linear import Linear
    >>> from bench.training.problem import Problem
    >>> model = Problem(torch.zeros(3, 6), 2, Linear(), "unit_gaussian").model(encoder=True)
    >>> calibrate(model, seeds.generator("calibration", 0)).ranks.shape
    torch.Size([500, 2])
    """
    with frozen(model), torch.no_grad():
        z, x = simulate(model, num_points, generator)
        sound = torch.isfinite(x).all(-1)
        z, x = z[sound], x[sound]
        posterior = model.encode(x)
        distance = posterior.whiten(z).double()  # [N, d]
        drawn = posterior.rsample_with_log_prob(generator)
        both = (z, posterior.log_prob(z)), drawn
        upper, lower = ((model.log_joint(x, each) - log_q).double() for each, log_q in both)
    error = math.sqrt(max(1, len(x)))
    return Calibration(
        ranks=torch.special.ndtr(distance),
        squares=distance.square().mean(-1),
        eubo=float(upper.mean()),
        eubo_se=float(upper.std()) / error,
        bound=float(lower.mean()),
        bound_se=float(lower.std()) / error,
    )


def largest_distance(level: float, count: int) -> float:
    """The value that Kolmogorov's distance of ``count`` uniform draws exceeds with probability ``level``, at most 0.02.

    Computed from twice the one-sided probability, which differs from the two-sided one in `scipy.stats` by a relative
    error of less than 1e-6.

    >>> round(largest_distance(0.01, 500), 4)
    0.0724
    """
    from scipy.special import smirnovi  # scipy.stats takes a second to import

    return float(smirnovi(count, level / 2))
