"""Runs the trials of a plan on a back end, and makes sure that each of them leaves a row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from bench import devices
from bench.execution import standing
from bench.execution.backend import Backend
from bench.execution.execution import Execution
from bench.execution.planning import Plan
from bench.execution.settings import Settings
from bench.execution.trial import INTERRUPTED, execute
from bench.store.records import Status
from bench.store.run_folder import Store
from bench.studies.spec import TrialSpec

HUNG = "Its worker was killed after {:.0f} s: an update, an estimator or the loading of data took too long."


@dataclass(frozen=True)
class Task:
    """A trial as it travels to a worker."""

    run_folder: Path
    spec: TrialSpec
    settings: Settings


def run(plan: Plan, execution: Execution, backend: Backend, ended: Callable[[TrialSpec], object]) -> None:
    """Run the trials in ``plan.todo``; ``ended`` is called in this process after each.

    A trial that raises, diverges or runs out of time gets a row like any other, and so does one whose worker dies.  On
    KeyboardInterrupt the workers are stopped, the trials under way are marked as interrupted, and the exception is
    raised again.  Raises StoreError as soon as a trial ends and the run folder is not there any more.
    """
    plan.store.check_presence()
    for spec in plan.todo:
        _reset(plan, spec)
    try:
        for outcome in backend.run(_execute, list(_tasks(plan, execution)), execution.workers):
            plan.store.check_presence()
            folder = plan.store.trial(outcome.task.spec.id)
            if outcome.died:
                standing.mark(folder, Status.CRASHED, outcome.died)
            elif outcome.timed_out:
                standing.mark(folder, Status.TIMEOUT, HUNG.format(execution.workers.time_limit))
            ended(outcome.task.spec)
    except KeyboardInterrupt:
        backend.stop()
        for spec in plan.todo:
            folder = plan.store.trial(spec.id)
            if folder.read_status().status is Status.RUNNING:
                standing.mark(folder, Status.INTERRUPTED, INTERRUPTED)
        raise


def _reset(plan: Plan, spec: TrialSpec) -> None:
    """Make the trial wait.  A failed one starts afresh: its code may have been fixed since."""
    folder = plan.store.trial(spec.id)
    if folder.read_status().status is Status.FAILED:
        folder.clear()
    folder.write_spec(spec)
    if folder.read_status().status is not Status.WAITING:
        standing.mark(folder, Status.WAITING)


def _tasks(plan: Plan, execution: Execution) -> Iterator[Task]:
    """One task per trial to do; CUDA devices are assigned in turn."""
    names = cycle(devices.device_names(execution.device))
    for spec in plan.todo:
        settings = Settings(
            budget=plan.study.budget,
            estimators=tuple(plan.estimators.of(spec)),
            eval_points=plan.study.eval_points,
            likelihood_points=plan.study.likelihood_points,
            likelihood_marks=plan.study.likelihood_marks,
            timeout=execution.timeout,
            checkpoint=execution.checkpoint,
            device=next(names),
            threads=execution.threads,
            jobs=execution.workers.count,
        )
        yield Task(plan.store.path, spec, settings)


def _execute(task: Task) -> None:
    execute(Store(task.run_folder).trial(task.spec.id), task.spec, task.settings)
