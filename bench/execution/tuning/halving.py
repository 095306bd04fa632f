"""Successive halving among the candidates of a cell."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from bench.execution.runner import Unchosen
from bench.execution.tuning.cells import Cell, Spent, mean_score, total, why_not
from bench.store.contents import Contents
from bench.store.records import ScoreCost, Status, TrialRecord
from bench.studies.spec import TrialSpec
from bench.studies.tuning import Halving
from bench.training.clocks import Clocks, Tuning

SEED = 1_000_000_000  # the first tuning seed: far from those that people choose
HELD_OUT = 5  # at most one in so many training points


class Race:
    """The candidates of a cell: all are trained, and the better half continues from checkpoints, until two are left."""

    def __init__(self, cell: Cell, protocol: Halving) -> None:
        """Nothing is run yet."""
        self.cell = cell
        self.seeds = range(SEED, SEED + protocol.seeds)
        self.rounds = protocol.rounds(len(cell.candidates))
        self.held_out = max(1, min(protocol.points, cell.trials[0].n_train // HELD_OUT))
        self.left = list(range(len(cell.candidates)))
        self.scores = [-math.inf] * len(cell.candidates)
        self.seen = [0] * len(cell.candidates)
        self.earlier: dict[int, dict[int, float]] = {}  # the score of each candidate by the budget of the round
        self.spent: dict[TrialSpec, Spent] = {}
        self.round = 0
        self.obstacle: Unchosen | None = None

    @property
    def is_on(self) -> bool:
        """Whether there is a round to run."""
        return self.round < len(self.rounds) and self.obstacle is None

    @property
    def budget(self) -> int:
        """The number of training samples that a candidate has seen at the end of this round."""
        return self.rounds[self.round][1]

    def trials(self) -> list[TrialSpec]:
        """Return the trials of this round: each remaining candidate with each tuning seed."""
        return [self.trial(candidate, seed) for candidate in self.left for seed in self.seeds]

    def trial(self, candidate: int, seed: int) -> TrialSpec:
        """Return an ordinary trial, except that a part of its training data is held out."""
        spec = self.cell.trials[0]
        algorithm = spec.algorithm.with_values(self.cell.candidates[candidate])
        return replace(spec, algorithm=algorithm, seed=seed, search=None, held_out=self.held_out)

    def end_round(self, found: Mapping[TrialSpec, Contents]) -> None:
        """Score the candidates by the results of this round's trials, and keep the better half for the next round."""
        # A scored trial has reached this round, regardless of its later training.
        ended_well = {spec for spec, each in found.items() if is_scored(each.record, self.budget)}
        self.obstacle = why_not(
            replace(each.record, status=Status.DONE) if spec in ended_well else each.record
            for spec, each in found.items()
        )
        for candidate in self.left:
            ended = {spec: found[spec] for spec in (self.trial(candidate, seed) for seed in self.seeds)}
            self.scores[candidate] = mean_score([score(each, self.budget) for each in ended.values()])
            self.seen[candidate] = self.budget
            self.spent |= {spec: _spent(each, self.budget) for spec, each in ended.items()}
        self.earlier[self.budget] = {candidate: self.scores[candidate] for candidate in self.left}
        self.round += 1
        if self.round < len(self.rounds):
            best = sorted(self.left, key=lambda candidate: -self.scores[candidate])
            self.left = sorted(best[: self.rounds[self.round][0]])

    def choice(self) -> Tuning:
        """Return the best candidate of the last round."""
        best = max(self.left, key=lambda candidate: self.scores[candidate])
        return self.cell.choice(best, self.scores, self.seen, list(self.spent.values()), self.earlier)


def is_scored(record: TrialRecord, budget: int) -> bool:
    """Whether it was scored at the end of the round with this ``budget``; later training does not change that score."""
    return str(budget) in record.scores


def score(found: Contents, budget: int) -> float:
    """log p(x) of the held-out points or, without an estimate, its bound: nats per datapoint, -inf if it failed."""
    if is_scored(found.record, budget):
        return found.record.scores[str(budget)]
    if found.record.status is not Status.DONE:
        return -math.inf
    estimates = [each.log_likelihood for each in found.estimates if not each.num_failed]
    bounds = [row.elbo_test for row in found.trace if row.elbo_test is not None]
    value = next(iter([*estimates, *bounds[::-1]]), -math.inf)
    return value if math.isfinite(value) else -math.inf


def score_cost(found: Contents) -> ScoreCost:
    """Return the cost of the estimates by which a trial is scored."""
    estimates = found.estimates
    return ScoreCost(sum(each.model_evaluations for each in estimates), sum(each.seconds for each in estimates))


def _spent(found: Contents, budget: int) -> Spent:
    """Return the cost of a trial up to the end of the round with this ``budget``, including all of its scores."""
    record = found.record
    scoring = total([record.score_costs.get(at) for at in record.scores if int(at) <= budget])
    clocks = record.clocks or Clocks()
    return Spent(clocks.samples, clocks.model_evaluations, clocks.train_seconds, scoring)
