"""The cost of training: its clocks, and the choice of its hyperparameters.  Plain data, kept with every trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Clocks:
    """The progress of a training run, on every clock.

    ``model_evaluations`` counts datapoints passed through the decoder, with forward and backward passes counted
    separately.  ``train_seconds`` are the wall-clock seconds of updates alone (including a choice of hyperparameters by
    `fit`); ``eval_seconds`` are those of evaluation.
    """

    samples: int = 0
    updates: int = 0
    model_evaluations: int = 0
    train_seconds: float = 0.0
    eval_seconds: float = 0.0


@dataclass(frozen=True)
class Tried:
    """A candidate after its training samples: its objective in nats per datapoint, and its cost."""

    objective: float
    model_evaluations: int
    seconds: float


@dataclass(frozen=True)
class Tuning:
    """The chosen hyperparameters, and the cost of choosing them, which does not count as training samples."""

    chosen: Mapping[str, str]  # by name, as written on the command line
    objectives: Mapping[str, float] = field(default_factory=dict)  # nats per datapoint, by candidate; -inf if it failed
    seen: Mapping[str, int] = field(default_factory=dict)  # training samples at which it was measured, by candidate
    rounds: Mapping[str, Mapping[str, float]] = field(default_factory=dict)  # all scores by samples, then by candidate
    samples: int = 0  # of all candidates together
    model_evaluations: int = 0
    seconds: float = 0.0
    scoring_model_evaluations: int | None = None  # of the estimates used to score candidates, not counted above
    scoring_seconds: float | None = None
