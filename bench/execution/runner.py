"""Runs the trials of a plan on a back end, and makes sure that each of them leaves a row."""

from __future__ import annotations

import math
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from bench import devices
from bench.errors import OptionError
from bench.execution import loaded, trial_state
from bench.execution.backend import Backend
from bench.execution.execution import Execution
from bench.execution.leases import Withdrawn, leased
from bench.execution.planning import Plan
from bench.execution.portable import TaskFiles, user_files
from bench.execution.settings import Settings
from bench.execution.trial import INTERRUPTED, execute
from bench.store.records import Status
from bench.store.run_folder import Store
from bench.store.trial_folder import STATUS, TrialFolder
from bench.studies.spec import TrialSpec
from bench.training.clocks import Tuning

WAITS = "Waits for {} on {}: other trials hold it, of this command or another."
HUNG = "Its worker was killed after {:.0f} s: an update, an estimator or the loading of data took too long."


@dataclass(frozen=True)
class Task:
    """A trial as it travels to a worker."""

    run_folder: Path
    spec: TrialSpec
    settings: Settings
    downloads: tuple[Path, ...] = ()  # that its data set reads

    @property
    def folder(self) -> TrialFolder:
        """Its files."""
        return Store(self.run_folder).trial(self.spec.id)

    @property
    def files(self) -> TaskFiles:
        """See `Portable.files`."""
        choices = [
            self.spec.algorithm,
            self.spec.model,
            self.spec.decoder,
            self.spec.dataset,
            *self.settings.estimators,
        ]
        folder = self.folder.path.relative_to(self.run_folder)
        return TaskFiles(self.run_folder, folder, STATUS, user_files(choices), self.downloads)

    def moved(self, root: Path) -> Task:
        """See `Portable.moved`."""
        return replace(self, run_folder=root)


@dataclass(frozen=True)
class Unchosen:
    """How the trials of a cell end whose hyperparameters could not be chosen, and why."""

    status: Status
    reason: str


def run(
    plan: Plan,
    execution: Execution,
    backend: Backend,
    ended: Callable[[TrialSpec], object],
    tunings: Mapping[str, Tuning | Unchosen],
) -> None:
    """Run the trials in ``plan.todo``; ``ended`` is called in this process after each.

    ``tunings`` holds the chosen hyperparameters of each cell that leaves some open; the trials of one without a choice
    are marked with the reason.  See `run_tasks` for what is raised.
    """
    tasks = []
    for spec in plan.todo:
        task, tuning = (
            Task(plan.store.path, spec, settings_of(plan, spec, execution), plan.downloads),
            tunings.get(spec.cell),
        )
        if isinstance(tuning, Unchosen):
            _reset(task)
            trial_state.mark(task.folder, tuning.status, tuning.reason)
            ended(spec)
        else:
            tasks.append(replace(task, settings=replace(task.settings, tuning=tuning)))
    run_tasks(plan.store, _longest_first(tasks), execution, backend, ended)


def _longest_first(tasks: Sequence[Task]) -> list[Task]:
    """The tasks of each seed from the longest to the shortest, so that all workers are busy until the end.

    The order of the seeds stays, since early ones are to finish early.  How long a training sample takes is known from
    the choice of hyperparameters; tasks without one come first.
    """
    rank = {seed: i for i, seed in enumerate(dict.fromkeys(task.spec.seed for task in tasks))}

    def place(task: Task) -> tuple[int, float]:
        tuning = task.settings.tuning
        seconds = tuning.seconds / tuning.samples if tuning is not None and tuning.samples else math.inf
        return rank[task.spec.seed], -seconds

    return sorted(tasks, key=place)


def run_tasks(
    store: Store, tasks: Sequence[Task], execution: Execution, backend: Backend, ended: Callable[[TrialSpec], object]
) -> None:
    """Run trials, in ``store`` or a folder within it.

    A trial that raises, diverges or runs out of time gets a row like any other, and so does one whose worker dies.  On
    KeyboardInterrupt the workers are stopped, the trials under way are marked as interrupted, and the exception is
    raised again.  Raises StoreError as soon as a trial ends and the run folder is not there any more.
    """
    store.check_presence()
    adopted = {task.spec for task in backend.adopt(_execute, tasks, execution.workers)}
    for task in tasks:
        if task.spec not in adopted:
            _reset(task)
    try:
        for outcome in backend.run(_execute, tasks, execution.workers):
            store.check_presence()
            if outcome.died:
                trial_state.mark(outcome.task.folder, Status.CRASHED, outcome.died)
            elif outcome.timed_out:
                trial_state.mark(outcome.task.folder, Status.TIMEOUT, HUNG.format(execution.workers.time_limit))
            ended(outcome.task.spec)
    except KeyboardInterrupt:
        backend.stop()
        for task in tasks:
            if task.folder.read_status().status is Status.RUNNING:
                trial_state.mark(task.folder, Status.INTERRUPTED, INTERRUPTED)
        raise
    finally:
        loaded.forget({task.settings.data_version for task in tasks})  # by trials that have run in this process too


def settings_of(plan: Plan, spec: TrialSpec, execution: Execution) -> Settings:
    """How a trial of a plan is run."""
    return Settings(
        budget=plan.study.budget,
        estimators=tuple(plan.estimators.of(spec)),
        eval_points=plan.study.eval_points,
        likelihood_points=plan.study.likelihood_points,
        likelihood_marks=plan.study.likelihood_marks,
        timeout=execution.timeout,
        checkpoint=execution.checkpoint,
        device=execution.device,
        per_device=execution.per_device,
        threads=execution.threads,
        jobs=execution.jobs_at_once,
        data_version=plan.data_version,
    )


def _reset(task: Task) -> None:
    """Make the trial wait.  A failed one starts afresh: its code may have been fixed since."""
    if task.folder.read_status().status is Status.FAILED:
        task.folder.clear()
    task.folder.write_spec(task.spec)
    if task.folder.read_status().status is not Status.WAITING:
        trial_state.mark(task.folder, Status.WAITING)


def _execute(task: Task) -> None:
    """Runs in a worker: the trial, on a device that it holds."""
    settings = task.settings
    waits = partial(trial_state.mark, task.folder, Status.WAITING, WAITS.format(settings.device, platform.node()))
    try:
        with leased(devices.device_names(settings.device), settings.per_device, waits) as device:
            execute(task.folder, task.spec, replace(settings, device=device))
    except OptionError as error:  # of a node without this device: on another one the trial may go on
        trial_state.mark(task.folder, Status.CRASHED, f"{platform.node()}: {error}")
    except Withdrawn:
        trial_state.mark(task.folder, Status.INTERRUPTED, INTERRUPTED)
