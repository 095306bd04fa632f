"""Runs the trials of plans on a back end, and makes sure that each of them leaves a row."""

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
from bench.studies.spec import Choice, TrialSpec
from bench.training.clocks import Tuning

WAITS = "Waits for {} on {}: other trials hold it, of this command or another."
HUNG = "Its worker was killed after {:.0f} s: an update, an estimator or the loading of data took too long."


@dataclass(frozen=True)
class Unchosen:
    """The status of the trials of a cell whose hyperparameters could not be chosen, and the reason."""

    status: Status
    reason: str


Choices = Mapping[tuple[Path, str], Tuning | Unchosen]  # of cells, by their run folders and ids


@dataclass(frozen=True)
class Task:
    """A trial as it is sent to a worker; ``root`` is the folder of the whole study, and ``run_folder`` is within it."""

    root: Path
    spec: TrialSpec
    settings: Settings
    downloads: tuple[Path, ...] = ()  # read by its data set
    run_folder: Path = Path()  # of a part of the study, or of the trials that choose its hyperparameters
    unchosen: Unchosen | None = None  # why it cannot be run

    @property
    def key(self) -> tuple[Path, str]:
        """A key that distinguishes it from the other trials of the study."""
        return self.run_folder, self.spec.id

    @property
    def folder(self) -> TrialFolder:
        """Its files."""
        return Store(self.root / self.run_folder).trial(self.spec.id)

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
        folder = self.folder.path.relative_to(self.root)
        return TaskFiles(self.root, folder, STATUS, user_files(choices), self.downloads)

    def moved(self, root: Path) -> Task:
        """See `Portable.moved`."""
        return replace(self, root=root)

    def __str__(self) -> str:
        """The trial's name in progress bars and messages."""
        return ": ".join([*self.run_folder.parts, str(self.spec)])


def tasks_of(plans: Sequence[Plan], execution: Execution, choices: Choices) -> list[Task]:
    """Return the tasks of all ``plans``, from the longest to the shortest trial of each seed.

    ``choices`` are those of the cells that leave hyperparameters open.
    """
    tasks = []
    for plan in plans:
        for spec in plan.todo:
            task, choice = task_of(plan, spec, execution), choices.get((plan.store.path, spec.cell))
            if isinstance(choice, Unchosen):
                tasks.append(replace(task, unchosen=choice))
            else:
                tasks.append(replace(task, settings=replace(task.settings, tuning=choice)))
    return _longest_first(tasks)


def _longest_first(tasks: Sequence[Task]) -> list[Task]:
    """Sort the tasks of each seed from the longest to the shortest, so that all workers are busy until the end.

    The order of the seeds is kept, so that early seeds finish early; tasks of a seed with the same data are adjacent,
    since a worker keeps one data set.  The time per training sample is known from the choice of hyperparameters; tasks
    without one come first.
    """
    seeds, datasets = ({key: i for i, key in enumerate(dict.fromkeys(map(of, tasks)))} for of in (_seed, _dataset))

    def place(task: Task) -> tuple[int, int, float]:
        tuning = task.settings.tuning
        seconds = tuning.seconds / tuning.samples if tuning is not None and tuning.samples else math.inf
        return seeds[_seed(task)], datasets[_dataset(task)], -seconds * task.settings.budget

    return sorted(tasks, key=place)


def _seed(task: Task) -> int:
    return task.spec.seed


def _dataset(task: Task) -> Choice:
    return task.spec.dataset


def run(
    plans: Sequence[Plan],
    tasks: Sequence[Task],
    execution: Execution,
    backend: Backend,
    ended: Callable[[Task], object],
) -> None:
    """Run trials in the run folders of ``plans`` or folders within these; ``ended`` is called after each trial.

    A trial that raises, diverges or runs out of time gets a row like any other, and so does one whose worker dies, or
    whose hyperparameters could not be chosen.  On KeyboardInterrupt the workers are stopped, the running trials are
    marked as interrupted, and the exception is raised again.  Raises StoreError when a trial ends and its run folder no
    longer exists.
    """

    def check_presence() -> None:
        for plan in plans:
            plan.store.check_presence()

    check_presence()
    for task in tasks:
        if task.unchosen is not None:
            _reset(task)
            trial_state.mark(task.folder, task.unchosen.status, task.unchosen.reason)
            ended(task)
    tasks = [task for task in tasks if task.unchosen is None]
    adopted = {task.key for task in backend.adopt(_execute, tasks, execution.workers)}
    for task in tasks:
        if task.key not in adopted:
            _reset(task)
    try:
        for outcome in backend.run(_execute, tasks, execution.workers):
            check_presence()
            if outcome.died:
                trial_state.mark(outcome.task.folder, Status.CRASHED, outcome.died)
            elif outcome.timed_out:
                trial_state.mark(outcome.task.folder, Status.TIMEOUT, HUNG.format(execution.workers.time_limit))
            ended(outcome.task)
    except KeyboardInterrupt:
        backend.stop()
        for task in tasks:
            if task.folder.read_status().status is Status.RUNNING:
                trial_state.mark(task.folder, Status.INTERRUPTED, INTERRUPTED)
        raise
    finally:
        loaded.forget({task.settings.data_version for task in tasks})  # by trials that have run in this process too


def task_of(plan: Plan, spec: TrialSpec, execution: Execution) -> Task:
    """Return the task of running a trial of a plan."""
    settings = Settings(
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
    return Task(plan.root, spec, settings, plan.downloads, plan.store.path.relative_to(plan.root))


def _reset(task: Task) -> None:
    """Set the trial to waiting.  A failed trial starts afresh, since its code may have been fixed."""
    if task.folder.read_status().status is Status.FAILED:
        task.folder.clear()
    task.folder.write_spec(task.spec)
    if task.folder.read_status().status is not Status.WAITING:
        trial_state.mark(task.folder, Status.WAITING)


def _execute(task: Task) -> None:
    """Run the trial in a worker, on a device that it holds."""
    settings = task.settings
    waits = partial(trial_state.mark, task.folder, Status.WAITING, WAITS.format(settings.device, platform.node()))
    try:
        with leased(devices.device_names(settings.device), settings.per_device, waits) as device:
            execute(task.folder, task.spec, replace(settings, device=device))
    except OptionError as error:  # of a node without this device: the trial may continue on another node
        trial_state.mark(task.folder, Status.CRASHED, f"{platform.node()}: {error}")
    except Withdrawn:
        trial_state.mark(task.folder, Status.INTERRUPTED, INTERRUPTED)
