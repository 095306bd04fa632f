"""An estimate of log p(x), and what it carries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor

# How the mean of many runs would lie to log p(x): below it, above it, nearing it as the work grows, or above it by an
# amount that is not known.
Bias = Literal["lower", "upper", "consistent", "upward", ""]  # none where there is no estimate


@dataclass(frozen=True)
class Estimate:
    """log p(x) in nats, one value for each datapoint, and what tells whether to believe it.

    ``standard_errors`` are Monte Carlo errors: what another run of the estimator on the same model would change.
    They say nothing of the spread between training seeds.  A datapoint without an estimate is NaN; ``mean`` and
    ``standard_error`` are of the others, and ``warnings`` say how many are missing.
    """

    log_likelihoods: Tensor  # [N] nats
    standard_errors: Tensor  # [N] nats
    bias: Bias
    model_evaluations: int
    diagnostics: Mapping[str, Tensor] = field(default_factory=dict)  # each [N]
    summary: Mapping[str, float] = field(default_factory=dict)  # what the diagnostics come to over all datapoints
    warnings: tuple[str, ...] = ()
    # What `Estimator.estimate` adds:
    seconds: float = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0  # of the generator that all draws came from

    @property
    def found(self) -> Tensor:
        """Which datapoints have an estimate: [N] bool."""
        return torch.isfinite(self.log_likelihoods)

    @property
    def num_failed(self) -> int:
        """How many have none."""
        return int((~self.found).sum())

    @property
    def mean(self) -> float:
        """Mean log-likelihood, nats a datapoint; NaN where no datapoint has an estimate."""
        return float(self.log_likelihoods[self.found].double().mean())

    @property
    def standard_error(self) -> float:
        """Monte Carlo standard error of the mean, nats a datapoint (datapoints have independent draws)."""
        errors = self.standard_errors[self.found].double()
        return float(errors.square().sum().sqrt() / len(errors)) if len(errors) else float("nan")


def missing(estimate: Estimate) -> tuple[str, ...]:
    """What to say of datapoints without an estimate; empty where there are none."""
    if not estimate.num_failed:
        return ()
    told = (
        f"{estimate.num_failed} of {len(estimate.log_likelihoods)} datapoints have no finite estimate "
        "(the model's log p(x, z) is not finite there); the mean is of the others."
    )
    return (told,)
