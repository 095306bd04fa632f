"""Cells whose hyperparameters are open, and choices among their candidates."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from bench.execution.planning import Plan
from bench.execution.runner import Unchosen
from bench.store.records import ScoreCost, Status, TrialRecord
from bench.studies.spec import TrialSpec
from bench.studies.tuning import Protocol
from bench.training import candidates
from bench.training.clocks import Tuning

STOPPED = "Stopped while its hyperparameters were chosen; the same command resumes it."
FAILED = "While its hyperparameters were chosen: {}"
CUT_SHORT = (Status.TIMEOUT, Status.INTERRUPTED, Status.RUNNING, Status.WAITING)

Candidate = Mapping[str, object]  # values of the open hyperparameters, by name


class Spent(NamedTuple):
    """The cost of a trial on the three clocks, and the additional cost of its scores, None if unknown."""

    samples: int
    model_evaluations: int
    seconds: float
    scoring: ScoreCost | None


@dataclass(frozen=True)
class Cell:
    """All trials of a plan that differ only in their seed, and the candidates to choose from for them."""

    plan: Plan
    trials: tuple[TrialSpec, ...]
    protocol: Protocol
    candidates: tuple[Candidate, ...]

    @property
    def key(self) -> tuple[Path, str]:
        """See `runner.Choices`."""
        return self.plan.store.path, self.trials[0].cell

    def __str__(self) -> str:
        """The cell's name in messages."""
        spec, parts = self.trials[0], self.plan.store.path.relative_to(self.plan.root).parts
        return ": ".join([*parts, f"{spec.algorithm.name} z={spec.z} n={spec.n_train}"])

    def choice(
        self,
        best: int,
        scores: Sequence[float],
        seen: Sequence[int],
        spent: Sequence[Spent],
        rounds: Mapping[int, Mapping[int, float]] | None = None,
    ) -> Tuning:
        """Return the choice of a candidate, with the score of each after the training samples that it has ``seen``.

        ``rounds`` contains the scores of the candidates in each round, by its samples; empty if there is only one
        round.
        """
        names = [candidates.name(candidate) for candidate in self.candidates]
        scoring = total([each.scoring for each in spent])
        return Tuning(
            chosen=candidates.as_text(self.candidates[best]),
            objectives=dict(zip(names, scores, strict=True)),
            seen=dict(zip(names, seen, strict=True)),
            rounds={str(at): {names[i]: score for i, score in each.items()} for at, each in (rounds or {}).items()},
            samples=sum(each.samples for each in spent),
            model_evaluations=sum(each.model_evaluations for each in spent),
            seconds=sum(each.seconds for each in spent),
            scoring_model_evaluations=scoring.model_evaluations if scoring else None,
            scoring_seconds=scoring.seconds if scoring else None,
        )


def open_cells(plan: Plan) -> list[Cell]:
    """Return the cells of a plan that have open hyperparameters and trials to run."""
    due = {spec.cell for spec in plan.todo if spec.search is not None}
    trials: dict[str, list[TrialSpec]] = {}
    for spec in plan.specs:
        if spec.search is not None and spec.cell in due:
            trials.setdefault(spec.cell, []).append(spec)
    return [
        Cell(plan, tuple(each), Protocol.parse(search.protocol), tuple(map(dict, search.candidates)))
        for each in trials.values()
        if (search := each[0].search) is not None
    ]


def why_not(records: Iterable[TrialRecord]) -> Unchosen | None:
    """Return why trials with these outcomes cannot be compared; None if they can.

    A candidate that fails has lost, but nothing is known about one that was stopped or whose worker was killed.
    """
    ended = list(records)
    for record in ended:
        if record.status in CUT_SHORT:
            return Unchosen(Status.TIMEOUT, STOPPED)
        if record.status in (Status.CRASHED, Status.DAMAGED):
            return Unchosen(Status.CRASHED, FAILED.format(record.reason))
    if ended and all(record.status is Status.FAILED for record in ended):
        return Unchosen(Status.FAILED, FAILED.format(ended[0].reason))
    return None


def total(costs: Sequence[ScoreCost | None]) -> ScoreCost | None:
    """Return their sum; None if one of them is unknown."""
    known = [each for each in costs if each is not None]
    if len(known) < len(costs):
        return None
    return ScoreCost(sum(each.model_evaluations for each in known), math.fsum(each.seconds for each in known))


def mean_score(scores: Sequence[float]) -> float:
    """Return their mean; -inf if there are none, or if a candidate failed with one of the seeds."""
    return math.fsum(scores) / len(scores) if scores else -math.inf
