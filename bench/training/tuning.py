"""The choice of a step size by the first training samples."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import torch

from bench.errors import OptionError
from bench.training.clocks import Tried, Tuning
from bench.training.minibatches import Minibatches
from bench.training.problem import Learner, update

AUTO = "auto"  # the value of a hyperparameter `learning_rate` that is still to be chosen
TUNING_SAMPLES = 5_000  # training samples that each candidate step size is tried on


def is_open(hyperparameters: object) -> bool:
    """Whether there is a ``learning_rate`` that is still to be chosen; hyperparameters need not have one."""
    return getattr(hyperparameters, "learning_rate", None) == AUTO


def candidates(hyperparameters: Any) -> tuple[float, ...]:
    """The step sizes that ``auto`` chooses among, as the field ``learning_rate`` declares them.

    Raises OptionError if it declares none.

    >>> from bench import Hyperparameters
    >>> candidates(Hyperparameters()), candidates(Hyperparameters(optimiser="adam"))
    ((0.01, 0.02, 0.1), (0.0003, 0.001, 0.003))
    """
    (field,) = (each for each in dataclasses.fields(hyperparameters) if each.name == "learning_rate")
    declared = field.metadata.get("candidates", ())
    optimiser = getattr(hyperparameters, "optimiser", None)
    rates = declared.get(optimiser, ()) if isinstance(declared, Mapping) else declared
    if not rates:
        raise OptionError(
            f"`learning_rate` of {type(hyperparameters).__name__} is auto, but declares no candidates"
            f"{f' for the optimiser {optimiser!r}' if optimiser else ''}: declare them, as in option('auto', "
            "'step size', candidates=(0.01, 0.1)), or give a number."
        )
    return tuple(rates)


def choose_learning_rate(
    rates: tuple[float, ...],
    start: Callable[[float], Learner],
    minibatches: Minibatches,
    num_samples: int = TUNING_SAMPLES,
    now: Callable[[], float] = time.perf_counter,
    tried: MutableMapping[str, Tried] | None = None,
    keep: Callable[[], object] = lambda: None,
) -> Tuning:
    """Try each candidate from the same start on the same first minibatches, and take the best.

    ``start`` returns a learner that has been set up with that step size.  The best candidate has the highest mean
    objective over the second half of its updates; one whose objective is not finite has lost (Adagrad's first update
    moves every parameter by the whole step, so a large one may blow up at once).  The chosen training then starts
    afresh.  Candidates in ``tried`` are not tried again; the others are added to it, and ``keep`` is called after each.
    Source: AEVB, section 5.  Cost: ``num_samples`` training samples per candidate.
    """
    tried = {} if tried is None else tried
    updates = max(2, math.ceil(num_samples / minibatches.size))
    for rate in rates:
        if _name(rate) not in tried:
            started = now()
            tried[_name(rate)] = _try(start(rate), minibatches, updates, started, now)
            keep()
    return Tuning(
        learning_rate=max(rates, key=lambda rate: tried[_name(rate)].objective),
        objectives={_name(rate): tried[_name(rate)].objective for rate in rates},
        samples=updates * minibatches.size * len(rates),
        model_evaluations=sum(each.model_evaluations for each in tried.values()),
        seconds=sum(each.seconds for each in tried.values()),
    )


def _name(rate: float) -> str:
    return f"{rate:g}"


def _try(learner: Learner, minibatches: Minibatches, updates: int, started: float, now: Callable[[], float]) -> Tried:
    objectives = []
    evaluations = 0
    for number in range(updates):
        info = update(learner, minibatches[number])
        objectives.append(info.objective)
        evaluations += info.model_evaluations
    value = float(torch.stack(objectives[updates // 2 :]).cpu().double().mean())
    return Tried(value if math.isfinite(value) else -math.inf, evaluations, now() - started)
