"""From a problem to a learner that is ready for its first update."""

from __future__ import annotations

import copy
import dataclasses
import time
from collections.abc import Callable, MutableMapping
from typing import TypeVar

from torch import nn

from bench import seeds
from bench.models.dropout import attach_generator
from bench.training.clocks import Tried, Tuning
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, Trainable
from bench.training.tuning import candidates, choose_learning_rate, is_open

TrainableT = TypeVar("TrainableT", bound=Trainable)


def begin(
    learner: Trainable,
    problem: Problem,
    minibatches: Minibatches,
    noise: int,
    learning_rate: float | None = None,
    now: Callable[[], float] = time.perf_counter,
    tried: MutableMapping[str, Tried] | None = None,
    keep: Callable[[], object] = lambda: None,
) -> Tuning | None:
    """Set up ``learner``, after choosing its step size if that is ``auto``; returns the choice or None.

    ``noise`` seeds the learner's random stream; ``learning_rate`` is an earlier choice, made when this training began.
    ``tried`` are candidates that were tried earlier: see `choose_learning_rate`, also for ``keep``.
    """
    if learning_rate is not None or not is_open(learner.hyperparameters):
        set_up(learner, problem, noise, learning_rate)
        return None
    rates = candidates(learner.hyperparameters)
    tuning = choose_learning_rate(
        rates,
        lambda rate: set_up(copy.copy(learner), problem, noise, rate),
        minibatches,
        now=now,
        tried=tried,
        keep=keep,
    )
    set_up(learner, problem, noise, tuning.learning_rate)
    return tuning


def set_up(learner: TrainableT, problem: Problem, noise: int, learning_rate: float | None = None) -> TrainableT:
    """Call `setup` with a new random stream, which dropout in the networks also uses; returns ``learner``.

    ``learning_rate`` replaces ``auto``, and nothing else.
    """
    if is_open(learner.hyperparameters):
        learner.hyperparameters = dataclasses.replace(learner.hyperparameters, learning_rate=learning_rate)
    learner.generator = seeds.generator(noise, device=problem.x.device)
    learner.setup(problem, learner.generator)
    for value in vars(learner).values():
        if isinstance(value, nn.Module):
            attach_generator(value, learner.generator)
    return learner
