"""An algorithm after some training, as a profile starts from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bench.algorithm import Algorithm
from bench.dataset import Data
from bench.errors import BenchError, Diverged, PluginError, UsageError, in_words
from bench.execution import setup
from bench.execution.settings import Settings
from bench.studies.spec import Choice, TrialSpec
from bench.training.minibatches import Minibatches
from bench.training.problem import Problem, update


@dataclass(frozen=True)
class Trained:
    """An algorithm with its training so far; ``name`` has the options that differ from their defaults."""

    choice: Choice
    algorithm: Algorithm
    problem: Problem
    minibatches: Minibatches
    updates: int

    @property
    def name(self) -> str:
        """The algorithm's name, with its options."""
        return self.choice.name


def trained(spec: TrialSpec, data: Data, samples: int, device: str) -> Trained:
    """Return a trial's algorithm after at least ``samples`` samples, with open hyperparameters chosen as by `fit`.

    Raises PluginError if it raises something, UsageError if its objective or its weights are no longer finite.
    """
    with blamed(spec.algorithm.name, "training"):
        session, _ = setup.prepare(spec, data, Settings(budget=1, estimators=(), device=device))
        session.begin()
        updates = -(-samples // session.minibatches.size)
        objective = 0.0
        for number in range(updates):
            objective = float(update(session.learner, session.minibatches[number]).objective)
    learner = session.learner
    if not (math.isfinite(objective) and all(each.isfinite().all() for each in learner.model.parameters())):
        raise UsageError(
            f"{spec.algorithm.name} has diverged within {samples} training samples: give it a smaller learning_rate in "
            "brackets, or profile it untrained by --after 0."
        )
    assert isinstance(learner, Algorithm)  # noqa: S101  # for the type checker: `prepare` made it
    return Trained(spec.algorithm, learner, session.problem, session.minibatches, updates)


@contextmanager
def blamed(name: str, doing: str) -> Iterator[None]:
    """An exception of an algorithm in this block becomes a PluginError that names it, and divergence a UsageError."""
    try:
        yield
    except Diverged as error:
        raise UsageError(f"{name} cannot be profiled: {error}") from error
    except BenchError:
        raise
    except Exception as error:
        raise PluginError(
            f"{name} cannot be profiled: {doing} raises {in_words(error)}. `bench check` says where to look."
        ) from error
