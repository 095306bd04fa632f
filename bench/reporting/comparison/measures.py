"""The measures that two runs are compared by: one value per trial each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from bench.results import curves
from bench.results.grid import Place, finite

if TYPE_CHECKING:
    from bench.results.frames import Results


@dataclass(frozen=True)
class Common:
    """Settings that the measures of both runs share, by place: a target in nats, and the range of samples in common."""

    targets: Mapping[Place, float]
    stretches: Mapping[Place, tuple[float, float]]

    @classmethod
    def of(cls, base: Results, new: Results) -> Common:
        """The targets are those of ``base``."""
        return cls(curves.targets(base), curves.stretches(base, new))


Values = Callable[["Results", Common], pd.Series]  # by trial; NaN for a trial that has none


@dataclass(frozen=True)
class Measure:
    """A value for each trial, compared by its difference in nats or by a ratio."""

    name: str
    unit: Literal["nats", "ratio"]
    higher_is_better: bool
    timing: bool  # whether it depends on the machine
    values: Values


def _column(name: str) -> Values:
    return lambda results, _: finite(results.trials.set_index("trial")[name])


def _time(clock: str) -> Values:
    return lambda results, common: curves.times(results, clock, common.targets).set_index("trial")["time"]


LOG_LIKELIHOOD = Measure("log-likelihood", "nats", True, False, _column("log_likelihood_test"))
OTHERS = (
    Measure("mean bound", "nats", True, False, lambda results, common: curves.heights(results, common.stretches)),
    Measure("samples to target", "ratio", False, False, _time("samples")),
    Measure("seconds to target", "ratio", False, True, _time("train_seconds")),
    Measure("samples per second", "ratio", True, True, _column("samples_per_second")),
)
