"""The training loop: minibatches, clocks, evaluation marks, and the choice of a step size.

There is one loop, a generator: it trains, stops its clock and yields whenever somebody may want to look.  The harness
and `Algorithm.fit` both iterate over it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from bench.training.clocks import Clocks, synchronised_time
from bench.training.minibatches import Minibatches
from bench.training.problem import Learner, StepInfo

MARKS_PER_DECADE = 5


@dataclass(frozen=True)
class Pause:
    """The loop's clock stands still: at an evaluation mark, or because its patience ran out."""

    at_mark: bool
    objective: float  # mean over the updates since the last mark, nats a datapoint; NaN before the first update
    diagnostics: Mapping[str, float] = field(default_factory=dict)  # means likewise, of those updates that tell them


def next_mark(samples: int) -> int:
    """The first evaluation mark beyond ``samples``, on a logarithmic grid that does not depend on the budget.

    100, 158, 251, 398, 631, 1000, ...: five a decade.
    """
    step = max(2 * MARKS_PER_DECADE, math.floor(MARKS_PER_DECADE * math.log10(max(samples, 1))))
    while round(10 ** (step / MARKS_PER_DECADE)) <= samples:
        step += 1
    return round(10 ** (step / MARKS_PER_DECADE))


def train(
    learner: Learner, minibatches: Minibatches, clocks: Clocks, budget: int, patience: float = math.inf
) -> Iterator[Pause]:
    """Update until ``budget`` training samples are seen; ``clocks`` moves along.

    Yields at the start, at each mark, at the end, and every ``patience`` seconds in between, always between two updates
    and with the clocks stopped.  A mark is met by the first update that reaches it.
    """
    if clocks.samples == 0:
        yield Pause(at_mark=True, objective=math.nan)
    mark = next_mark(clocks.samples)
    recent: list[StepInfo] = []
    started = synchronised_time(minibatches.x.device)
    while clocks.samples < budget:
        info = learner.step(minibatches[clocks.updates])
        recent.append(info)
        clocks.updates += 1
        clocks.samples += minibatches.size
        clocks.model_evaluations += info.model_evaluations
        at_mark = clocks.samples >= min(mark, budget)
        if at_mark or time.perf_counter() - started > patience:
            clocks.train_seconds += synchronised_time(minibatches.x.device) - started
            diagnostics = clocks.tell(recent)
            objective = diagnostics.pop("objective")
            recent.clear()
            if at_mark:
                clocks.told = {}
                mark = next_mark(clocks.samples)
            yield Pause(at_mark, objective, diagnostics)
            started = synchronised_time(minibatches.x.device)
