"""The training loop: a generator that updates, stops its clock and yields wherever a caller may want to look."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from bench.training.clocks import Clocks
from bench.training.means import RunningMeans
from bench.training.minibatches import Minibatches
from bench.training.problem import Learner, StepInfo, update

MARKS_PER_DECADE = 5


@dataclass(frozen=True)
class Pause:
    """A pause between two updates, with the clock stopped: at an evaluation mark, or because patience ran out."""

    at_mark: bool
    objective: float  # mean over the updates since the last mark, nats per datapoint; NaN before the first update
    diagnostics: Mapping[str, float] = field(default_factory=dict)  # likewise means, over the updates that report them
    is_provisional: bool = False  # a mark only because the budget ends here: a larger one has no mark at this place


def next_mark(samples: int) -> int:
    """Return the first evaluation mark after ``samples``, on a logarithmic grid that does not depend on the budget.

    100, 158, 251, 398, 631, 1000, ...: five per decade.

    >>> next_mark(0), next_mark(100), next_mark(1000)
    (100, 158, 1585)
    """
    step = max(2 * MARKS_PER_DECADE, math.floor(MARKS_PER_DECADE * math.log10(max(samples, 1))))
    while round(10 ** (step / MARKS_PER_DECADE)) <= samples:
        step += 1
    return round(10 ** (step / MARKS_PER_DECADE))


def train(
    learner: Learner,
    minibatches: Minibatches,
    clocks: Clocks,
    budget: int,
    patience: float = math.inf,
    means: RunningMeans | None = None,
    now: Callable[[], float] = time.perf_counter,
) -> Iterator[Pause]:
    """Update until ``budget`` training samples have been seen, advancing ``clocks`` and ``means`` (new ones if None).

    Yields at the start, at each mark, at the end, and every ``patience`` seconds in between, always between two updates
    and with the clocks stopped.  A mark is evaluated after the first update that reaches it.  At the end of the budget
    ``means`` are kept for the next mark, so that training with a larger budget continues as if it had been given from
    the start.  ``now`` returns the time in seconds; a session passes a clock that waits for its device.
    """
    means = RunningMeans() if means is None else means
    if clocks.samples == 0:
        yield Pause(at_mark=True, objective=math.nan)
    elif clocks.samples >= budget and means.sums:  # this training has ended before, between two marks
        diagnostics = means.add([])
        yield Pause(at_mark=True, objective=diagnostics.pop("objective"), diagnostics=diagnostics, is_provisional=True)
    mark = next_mark(clocks.samples)
    recent: list[StepInfo] = []
    started = now()
    while clocks.samples < budget:
        info = update(learner, minibatches[clocks.updates])
        recent.append(info)
        clocks.updates += 1
        clocks.samples += minibatches.size
        clocks.model_evaluations += info.model_evaluations
        has_reached, has_ended = clocks.samples >= mark, clocks.samples >= budget
        if has_reached or has_ended or time.perf_counter() - started > patience:
            clocks.train_seconds += now() - started
            diagnostics = means.add(recent)
            objective = diagnostics.pop("objective")
            recent.clear()
            if has_reached:
                means.sums = {}
                mark = next_mark(clocks.samples)
            yield Pause(has_reached or has_ended, objective, diagnostics, is_provisional=not has_reached and has_ended)
            started = now()
