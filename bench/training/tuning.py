"""A choice among candidates by the first training samples."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, MutableMapping, Sequence

import torch

from bench.training.candidates import TUNING_SAMPLES, Values, as_text, name
from bench.training.clocks import Tried, Tuning
from bench.training.means import as_numbers
from bench.training.minibatches import Minibatches
from bench.training.problem import Learner, update


def try_candidates(
    candidates: Sequence[Values],
    start: Callable[[Values], Learner],
    minibatches: Minibatches,
    num_samples: int = TUNING_SAMPLES,
    now: Callable[[], float] = time.perf_counter,
    tried: MutableMapping[str, Tried] | None = None,
    keep: Callable[[], object] = lambda: None,
) -> Tuning:
    """Try each candidate from the same start on the same first minibatches, and return the best.

    ``start`` returns a learner that has been set up with these values.  The best candidate has the highest mean
    objective over the second half of its updates; a candidate whose objective is not finite is excluded (Adagrad's
    first update moves every parameter by the full step size, so a large one may diverge at once).  Training then starts
    afresh with the best candidate.  Candidates in ``tried`` are not tried again; the others are added to it, and
    ``keep`` is called after each.
    Source: AEVB, section 5.  Cost: ``num_samples`` training samples per candidate.
    """
    tried = {} if tried is None else tried
    updates = max(2, math.ceil(num_samples / minibatches.size))
    for candidate in candidates:
        if name(candidate) not in tried:
            started = now()
            tried[name(candidate)] = _try(start(candidate), minibatches, updates, started, now)
            keep()
    return Tuning(
        chosen=as_text(max(candidates, key=lambda candidate: tried[name(candidate)].objective)),
        objectives={name(candidate): tried[name(candidate)].objective for candidate in candidates},
        seen={name(candidate): updates * minibatches.size for candidate in candidates},
        samples=updates * minibatches.size * len(candidates),
        model_evaluations=sum(each.model_evaluations for each in tried.values()),
        seconds=sum(each.seconds for each in tried.values()),
    )


def _try(learner: Learner, minibatches: Minibatches, updates: int, started: float, now: Callable[[], float]) -> Tried:
    objectives = []
    evaluations = 0
    for number in range(updates):
        info = update(learner, minibatches[number])
        objectives.append(info.objective)
        evaluations += info.model_evaluations
    value = float(torch.tensor(as_numbers(objectives[updates // 2 :]), dtype=torch.float64).mean())
    return Tried(value if math.isfinite(value) else -math.inf, evaluations, now() - started)
