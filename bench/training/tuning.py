"""The choice of a step size by the first training samples."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from bench.training.clocks import synchronised_time
from bench.training.minibatches import Minibatches
from bench.training.problem import Learner

TUNING_SAMPLES = 5_000  # training samples that each candidate step size is tried on


@dataclass(frozen=True)
class Tuning:
    """The step size that was chosen, and what choosing cost (it counts on the clocks, not as training samples)."""

    learning_rate: float
    objectives: dict[str, float] = field(default_factory=dict)  # nats a datapoint, by candidate
    samples: int = 0
    model_evaluations: int = 0
    seconds: float = 0.0


def choose_learning_rate(
    candidates: tuple[float, ...],
    start: Callable[[float], Learner],
    minibatches: Minibatches,
    num_samples: int = TUNING_SAMPLES,
) -> Tuning:
    """Try each candidate from the same start on the same first minibatches of the training set; take the best.

    The best has the highest mean objective over the second half of the trial; one whose objective is not finite has
    lost (Adagrad's first update moves every parameter by the whole step, so a large one may blow up at once).  The
    chosen run then starts afresh.  Source: AEVB, section 5.  Cost: ``num_samples`` training samples for each candidate.
    """
    updates = max(2, math.ceil(num_samples / minibatches.size))
    objectives: dict[str, float] = {}
    evaluations = 0
    started = synchronised_time(minibatches.x.device)
    for candidate in candidates:
        learner = start(candidate)
        seen = []
        for update in range(updates):
            info = learner.step(minibatches[update])
            seen.append(info.objective)
            evaluations += info.model_evaluations
        value = float(torch.stack(seen[updates // 2 :]).cpu().double().mean())
        objectives[f"{candidate:g}"] = value if math.isfinite(value) else -math.inf
    return Tuning(
        learning_rate=max(candidates, key=lambda candidate: objectives[f"{candidate:g}"]),
        objectives=objectives,
        samples=updates * minibatches.size * len(candidates),
        model_evaluations=evaluations,
        seconds=synchronised_time(minibatches.x.device) - started,
    )
