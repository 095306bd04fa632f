"""An estimate of log p(x), with its errors and diagnostics."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

import torch
from torch import Tensor

from bench.likelihood.rate_distortion import RatePoint
from bench.values.numerals import is_number, whole_number
from bench.values.texts import printable, quoted

FEWEST_DEGREES = 2.0  # of freedom: with this many or fewer, Student's t has no finite variance

# Where the mean over many runs would lie relative to log p(x): below it, above it, approaching it as the work grows, or
# above it by an unknown amount.
Bias = Literal["lower", "upper", "consistent", "upward", ""]  # empty if there is no estimate


@dataclass(frozen=True)
class Estimate:
    """log p(x) in nats, one value per datapoint, with the diagnostics that tell whether to trust it.

    ``standard_errors`` are Monte Carlo errors: how much another run of the estimator on the same model would differ.
    They do not include the spread between training seeds.  A standard error computed from few draws is itself
    uncertain: it must then already be inflated by the factor `inflation` for the ``degrees`` of freedom given with it.
    A datapoint without an estimate is NaN; ``mean`` and ``standard_error`` are over the others, and ``warnings`` state
    how many are missing.

    >>> Estimate(torch.tensor([-2.0, -4.0]), torch.zeros(2), "lower", model_evaluations=2).mean
    -3.0
    """

    log_likelihoods: Tensor  # [N] nats
    standard_errors: Tensor  # [N] nats
    bias: Bias
    model_evaluations: int
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)  # each [N]
    summary: Mapping[str, float] = field(default_factory=dict)  # the diagnostics aggregated over all datapoints
    warnings: tuple[str, ...] = ()
    degrees: float = math.inf  # of freedom of each standard error
    curve: tuple[RatePoint, ...] = ()  # rates and distortions, from an estimator that passes them
    # Added by `Estimator.estimate`:
    seconds: float = 0.0
    settings: Mapping[str, object] = field(default_factory=dict)
    seed: int = 0  # of the generator that all draws come from

    @property
    def finite(self) -> Tensor:
        """Which datapoints have an estimate: [N] bool."""
        return torch.isfinite(self.log_likelihoods)

    @property
    def num_failed(self) -> int:
        """How many datapoints have no estimate."""
        return int((~self.finite).sum())

    @property
    def mean(self) -> float:
        """Mean log-likelihood, nats per datapoint; NaN if no datapoint has an estimate."""
        return float(self.log_likelihoods[self.finite].double().mean())

    @property
    def standard_error(self) -> float:
        """Monte Carlo standard error of the mean, nats per datapoint (datapoints have independent draws).

        It includes the expected distance between the mean of the estimator and log p(x), ``summary["looseness"]``: with
        many datapoints, that of a bound exceeds the noise.  The more datapoints there are, the more ``degrees`` of
        freedom the error of the mean has, and the less of the `inflation` of single errors remains.
        """
        errors = self.standard_errors[self.finite].double()
        count = len(errors)
        if not count:
            return math.nan
        shrunk = inflation(count * self.degrees) / inflation(self.degrees)
        return math.hypot(shrunk * float(errors.square().sum().sqrt() / count), self.summary.get("looseness", 0.0))

    @property
    def points_standard_error(self) -> float:
        """Standard error of the mean due to the sampling of datapoints, in nats: it shrinks as their number grows.

        NaN for fewer than two datapoints with an estimate.

        >>> values = torch.tensor([-2.0, -4.0])
        >>> round(Estimate(values, torch.zeros(2), "lower", model_evaluations=2).points_standard_error, 6)
        1.0
        """
        values = self.log_likelihoods[self.finite].double()
        return float(values.std() / len(values) ** 0.5) if len(values) > 1 else float("nan")


def inflation(degrees: float) -> float:
    """The root mean square of Student's t with more than 2 ``degrees`` of freedom.

    The standard error of a single datapoint has to be multiplied by this factor so that the root mean square of the
    standardised error is 1 even though it is estimated from few draws.

    >>> inflation(10), inflation(math.inf)
    (1.118033988749895, 1.0)
    """
    return 1.0 if math.isinf(degrees) else math.sqrt(degrees / (degrees - 2))


def flaw(estimate: object, num_points: int | None) -> str:
    """Defects in the result of an estimator, in words; empty if there are none.

    ``num_points`` is N, or None if the estimator chooses how many datapoints it draws.

    >>> flaw(Estimate(torch.zeros(3), torch.zeros(3), "lower", model_evaluations=3), 2)
    '`log_likelihoods` must be [2] real numbers (got shape (3,) and torch.float32)'
    """
    if not isinstance(estimate, Estimate):
        return f"it must return an Estimate (got {quoted(estimate)})"
    if num_points is None and isinstance(estimate.log_likelihoods, Tensor):
        num_points = estimate.log_likelihoods.numel()
    named = {"log_likelihoods": estimate.log_likelihoods, "standard_errors": estimate.standard_errors}
    for name, values in {**named, **estimate.diagnostics}.items():
        if not isinstance(values, Tensor) or values.shape != (num_points,) or values.is_complex():
            given = f"shape {tuple(values.shape)} and {values.dtype}" if isinstance(values, Tensor) else quoted(values)
            return f"`{printable(str(name))}` must be [{num_points}] real numbers (got {given})"
        if "/" in str(name):
            return f"`diagnostics` must have names without slashes (got {quoted(name)})"
    if (estimate.standard_errors < 0).any():
        return f"`standard_errors` must not be negative (got {float(estimate.standard_errors.min()):g})"
    if not (is_number(estimate.degrees) and estimate.degrees > FEWEST_DEGREES):
        return f"`degrees` must be a number above {FEWEST_DEGREES:g} (got {quoted(estimate.degrees)})"
    if not all(isinstance(point, RatePoint) for point in estimate.curve):
        return f"`curve` must be a tuple of RatePoint (got {quoted(estimate.curve)})"
    if estimate.bias not in get_args(Bias):
        return f"`bias` must be {', '.join(filter(None, get_args(Bias)))} (got {quoted(estimate.bias)})"
    evaluations = whole_number(estimate.model_evaluations)
    if evaluations is None or evaluations < 0:
        return f"`model_evaluations` must be an integer of at least 0 (got {quoted(estimate.model_evaluations)})"
    for name, value in estimate.summary.items():
        if not is_number(value):
            return f"`summary[{quoted(name)}]` must be a number (got {quoted(value)})"
    if isinstance(estimate.warnings, str) or not all(isinstance(warning, str) for warning in estimate.warnings):
        return f"`warnings` must be a tuple of texts (got {quoted(estimate.warnings)})"
    return ""


def missing(estimate: Estimate) -> tuple[str, ...]:
    """The warning about datapoints without an estimate; empty if there are none."""
    if not estimate.num_failed:
        return ()
    warning = (
        f"{estimate.num_failed} of {len(estimate.log_likelihoods)} datapoints have no finite estimate "
        "(the model's log p(x, z) is not finite there); the mean is over the others."
    )
    return (warning,)
