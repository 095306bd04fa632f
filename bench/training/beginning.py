"""Preparation of a learner, from the problem to the first update."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, MutableMapping
from typing import TypeVar

from torch import nn

from bench import options, seeds
from bench.models.dropout import attach_generator
from bench.training.candidates import TUNING_SAMPLES, Values, candidates, is_open
from bench.training.clocks import Tried, Tuning
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, Trainable
from bench.training.tuning import try_candidates

TrainableT = TypeVar("TrainableT", bound=Trainable)


def begin(
    learner: Trainable,
    problem: Problem,
    minibatches: Minibatches,
    noise: int,
    chosen: Values | None = None,
    now: Callable[[], float] = time.perf_counter,
    tried: MutableMapping[str, Tried] | None = None,
    keep: Callable[[], object] = lambda: None,
    num_samples: int = TUNING_SAMPLES,
) -> Tuning | None:
    """Set up ``learner`` after choosing its open hyperparameters; returns the choice, or None.

    ``noise`` seeds the learner's random stream; ``chosen`` is an earlier choice, made when this training began.
    ``tried`` contains candidates that were tried earlier; see `try_candidates`, also for ``keep`` and ``num_samples``.
    """
    if chosen is not None or not is_open(learner.hyperparameters):
        set_up(learner, problem, noise, chosen)
        return None
    tuning = try_candidates(
        candidates(learner.hyperparameters),
        lambda candidate: set_up(copy.copy(learner), problem, noise, candidate),
        minibatches,
        num_samples=num_samples,
        now=now,
        tried=tried,
        keep=keep,
    )
    set_up(learner, problem, noise, tuning.chosen)
    return tuning


def set_up(learner: TrainableT, problem: Problem, noise: int, chosen: Values | None = None) -> TrainableT:
    """Call `setup` with a new random stream, which dropout in the networks also uses; returns ``learner``.

    ``chosen`` replaces the open hyperparameters.
    """
    if chosen:
        learner.hyperparameters = options.changed(learner.hyperparameters, chosen)
    learner.generator = seeds.generator(noise, device=problem.x.device)
    learner.setup(problem, learner.generator)
    for value in vars(learner).values():
        if isinstance(value, nn.Module):
            attach_generator(value, learner.generator)
    return learner
