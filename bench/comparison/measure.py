"""What two runs are compared by: one value for each trial."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import pandas as pd

from bench import measures
from bench.cells import numbers
from bench.measures import Place

if TYPE_CHECKING:
    from bench.results import Results

Values = Callable[["Results", Mapping[Place, float]], pd.Series]  # by trial; NaN where a trial has none


@dataclass(frozen=True)
class Measure:
    """A value for each trial, compared by its difference in nats or by a ratio."""

    name: str
    unit: Literal["nats", "ratio"]
    higher_is_better: bool
    timing: bool  # whether it depends on the machine
    values: Values


def _column(name: str) -> Values:
    return lambda results, _: numbers(results.trials.set_index("trial")[name])


def _time(clock: str) -> Values:
    return lambda results, targets: measures.times(results, clock, targets).set_index("trial")["time"]


LOG_LIKELIHOOD = Measure("log-likelihood", "nats", True, False, _column("log_likelihood_test"))
OTHERS = (
    Measure("mean bound", "nats", True, False, lambda results, _: measures.heights(results)),
    Measure("samples to target", "ratio", False, False, _time("samples")),
    Measure("seconds to target", "ratio", False, True, _time("train_seconds")),
    Measure("samples a second", "ratio", True, True, _column("samples_per_second")),
)
