"""Runs the trials by which hyperparameters are chosen, those of all cells at once so that all workers are busy."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.execution import runner, staleness, trial_state
from bench.execution.backend import Backend
from bench.execution.execution import Execution
from bench.execution.planning import Plan
from bench.execution.runner import Unchosen
from bench.execution.tuning.cells import Cell, Spent, mean_score, open_cells, why_not
from bench.execution.tuning.halving import Race, is_scored, score, score_cost
from bench.store import contents
from bench.store.contents import Contents
from bench.store.records import ScoreCost
from bench.studies.spec import TrialSpec
from bench.studies.tuning import Halving, Paper
from bench.training import candidates
from bench.training.clocks import Tuning

UNSCORED = ScoreCost(0, 0.0)  # candidates are compared by the objective of their training


@dataclass(frozen=True)
class Chosen:
    """The choice for each cell with trials to run and open hyperparameters; ``new`` are those made now."""

    by_cell: dict[tuple[Path, str], Tuning | Unchosen] = field(default_factory=dict)  # see `runner.Choices`
    new: list[tuple[Cell, Tuning]] = field(default_factory=list)


def choose(
    plans: Sequence[Plan], execution: Execution, backend: Backend, tried: Callable[[int, int], object]
) -> Chosen:
    """Make the missing choices; those with which trials of a cell have begun are kept, also for seeds added later.

    ``tried`` is called as trials end, with the number of ended trials and the total; raises what `runner.run` raises.
    """
    chosen, chooser = Chosen(), _Chooser(plans, execution, backend, tried)
    missing = []
    for cell in (cell for plan in plans for cell in open_cells(plan)):
        plan = cell.plan
        records = (contents.read(plan.store.trial(s.id)).record for s in cell.trials if s not in plan.stale)
        begun = (record.tuning for record in records if record.provenance is not None)
        earlier = next((tuning for tuning in begun if tuning is not None), None)
        if earlier is None:
            missing.append(cell)
        else:
            chosen.by_cell[cell.key] = earlier
    for cell, choice in chooser.choices(missing):
        chosen.by_cell[cell.key] = choice
        if isinstance(choice, Tuning):
            chosen.new.append((cell, choice))
    return chosen


class _Chooser:
    def __init__(
        self, plans: Sequence[Plan], execution: Execution, backend: Backend, tried: Callable[[int, int], object]
    ) -> None:
        self.plans = plans
        self.execution = execution
        self.backend = backend
        self.tried = tried

    def choices(self, cells: Sequence[Cell]) -> Iterator[tuple[Cell, Tuning | Unchosen]]:
        """Yield the choice of each cell, or why there is none."""
        yield from self.by_first_samples([(cell, cell.protocol) for cell in cells if isinstance(cell.protocol, Paper)])
        yield from self.by_halving([Race(cell, cell.protocol) for cell in cells if isinstance(cell.protocol, Halving)])

    def by_first_samples(self, cells: Sequence[tuple[Cell, Paper]]) -> Iterator[tuple[Cell, Tuning | Unchosen]]:
        """Choose by the mean objective over the seeds; failed seeds are ignored, since their trials will fail too."""
        self.run(
            [
                self.task(cell, spec, like=spec, try_samples=protocol.samples, estimators=())
                for cell, protocol in cells
                for spec in cell.trials
            ]
        )
        for cell, protocol in cells:
            records = [contents.read(cell.plan.store.tuning.trial(spec.id)).record for spec in cell.trials]
            obstacle = why_not(records)
            if obstacle is not None:
                yield cell, obstacle
                continue
            made = [record.tuning for record in records if record.tuning is not None]
            names = [candidates.name(candidate) for candidate in cell.candidates]
            scores = [mean_score([each.objectives.get(name, -math.inf) for each in made]) for name in names]
            best = max(range(len(scores)), key=lambda i: scores[i])
            spent = [Spent(each.samples, each.model_evaluations, each.seconds, UNSCORED) for each in made]
            yield cell, cell.choice(best, scores, [protocol.samples] * len(scores), spent)

    def by_halving(self, races: Sequence[Race]) -> Iterator[tuple[Cell, Tuning | Unchosen]]:
        """Choose by successive halving, round by round."""
        while any(race.is_on for race in races):
            running = [race for race in races if race.is_on]
            self.run([self.entry(race, spec) for race in running for spec in race.trials()])
            for race in running:
                race.end_round({spec: _scored(race, spec) for spec in race.trials()})
        for race in races:
            yield race.cell, race.obstacle or race.choice()

    def entry(self, race: Race, spec: TrialSpec) -> runner.Task:
        """Return the task of a trial of a race: only what its score needs is evaluated."""
        plan, like = race.cell.plan, race.cell.trials[0]
        return self.task(
            race.cell,
            spec,
            like=like,
            budget=race.budget,
            estimators=tuple(plan.estimators.of(like)[:1]),
            likelihood_points=race.held_out,
            eval_points=min(race.held_out, plan.study.eval_points or race.held_out),
            likelihood_marks=(),
            diagnose=False,
        )

    def task(self, cell: Cell, spec: TrialSpec, like: TrialSpec, **changes: Any) -> runner.Task:
        """Return a task in the folder of the choices, run like the trial ``like`` of the cell with these changes."""
        task = runner.task_of(cell.plan, like, self.execution)
        run_folder = task.run_folder / cell.plan.store.tuning.path.name
        return replace(task, spec=spec, settings=replace(task.settings, **changes), run_folder=run_folder)

    def run(self, tasks: Sequence[runner.Task]) -> None:
        """Run the trials that are not finished, or were made by other code or data."""
        todo = []
        for task in tasks:
            stored = contents.read(task.folder, tensors=True)
            if stored.damage or staleness.changes({task.spec: stored}, task.settings.data_version):
                contents.remove_damaged(task.folder, stored.damage)
                task.folder.clear()
                todo.append(task)
            elif not _is_finished(stored, task):
                todo.append(task)
        ended: list[runner.Task] = []

        def count(task: runner.Task) -> None:
            ended.append(task)
            self.tried(len(ended), len(todo))

        if todo:
            self.tried(0, len(todo))
            runner.run(self.plans, todo, self.execution, self.backend, count)


def _scored(race: Race, spec: TrialSpec) -> Contents:
    """Read a trial at the end of a round; its score is stored, for races that are resumed after a later round."""
    folder = race.cell.plan.store.tuning.trial(spec.id)
    stored = contents.read(folder)
    if stored.record.status.is_finished and not is_scored(stored.record, race.budget):
        record = trial_state.note_score(folder, race.budget, score(stored, race.budget), score_cost(stored))
        return replace(stored, record=record)
    return stored


def _is_finished(stored: contents.Contents, task: runner.Task) -> bool:
    if task.settings.try_samples:
        return stored.record.status.is_finished
    if is_scored(stored.record, task.settings.budget):
        return True
    names = [estimator.name for estimator in task.settings.estimators]
    return trial_state.is_finished(stored, task.settings.budget, names)
