"""More or finer estimates of log p(x) for models that have been trained already."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import torch

from bench import devices, plugins
from bench.errors import StoreError
from bench.execution import interruption, staleness, survey, trial_state
from bench.execution import points as datapoints
from bench.execution.backend import Backend
from bench.execution.estimates import Estimates
from bench.execution.evaluation import SIMULATED
from bench.execution.execution import Execution
from bench.execution.leases import leased
from bench.execution.portable import TaskFiles, user_files
from bench.execution.remote import elsewhere
from bench.execution.setup import trained_model
from bench.execution.shortage import failure_in_words
from bench.execution.sources import is_edited
from bench.execution.suitability import check_suitability
from bench.process import state as process_state
from bench.store import contents
from bench.store.records import EstimateRecord
from bench.store.run_folder import Store
from bench.store.trial_folder import STATUS
from bench.studies.spec import Choice, Labels, TrialSpec
from bench.studies.study import Study

Split = Literal["test", "train"]

CHANGED = (
    "the data of {} have changed since training, and old weights say nothing about new values. Bring the data back, or "
    "train again: bench run --on-stale rerun."
)


@dataclass(frozen=True)
class EstimationPlan:
    """The estimates to make in a run folder.

    ``todo`` are the trained trials, each with the estimators that still have to be applied; ``untrained`` are the
    trials without weights; ``left_out`` are those that are damaged or whose data have changed, with the reason;
    ``notes`` say which estimators cannot be used on which trials, and what else is left out.
    """

    store: Store
    points: int
    split: Split
    todo: list[tuple[TrialSpec, list[Choice]]]
    untrained: list[TrialSpec]
    notes: list[str]
    left_out: list[Estimated]
    downloads: tuple[Path, ...] = ()  # read while loading the data


@dataclass(frozen=True)
class Estimated:
    """The outcome for one model: its new estimates, or the reason why there are none."""

    spec: TrialSpec | Labels
    estimates: Sequence[EstimateRecord]
    failure: str = ""

    @property
    def ended_well(self) -> bool:
        """Whether each estimator returned a finite value for at least one datapoint."""
        return not self.failure and all(each.num_failed < each.num_points for each in self.estimates)


@dataclass(frozen=True)
class Task:
    """A model to be evaluated, as it is sent to a worker."""

    run_folder: Path
    spec: TrialSpec
    choices: list[Choice]
    points: int
    split: Split
    execution: Execution
    downloads: tuple[Path, ...] = ()  # read by its data set

    @property
    def files(self) -> TaskFiles:
        """See `Portable.files`."""
        choices = [self.spec.algorithm, self.spec.model, self.spec.decoder, self.spec.dataset, *self.choices]
        folder = Store(self.run_folder).trial(self.spec.id).path.relative_to(self.run_folder)
        return TaskFiles(self.run_folder, folder, STATUS, user_files(choices), self.downloads)

    def moved(self, root: Path) -> Task:
        """See `Portable.moved`."""
        return replace(self, run_folder=root)


def plan(
    path: Path,
    execution: Execution,
    backend: Backend,
    likelihood: Sequence[str] = (),
    points: int | None = None,
    split: Split = "test",
    *,
    trust: bool = False,
) -> EstimationPlan:
    """Check the request against the run folder; nothing is written.

    ``likelihood`` names the estimators, and ``points`` is the number of datapoints, 0 for all; both default to those of
    the study.  Users' plugin files that the folder names are run only if ``trust`` is True.
    Raises UsageError if there is no such run, if it has no trained model, if an estimator cannot be used on any model,
    if the data of all models have changed, or if another back end is running trials of it.
    """
    store = Store.open(path)
    elsewhere.refuse(path, path, backend)
    stored = store.read()
    names, notes = _names(likelihood, stored.study, trust=trust)
    choices = survey.estimators(names, backend, execution.workers)
    points = stored.study.likelihood_points if points is None else points
    whole = [(each.contents.spec, each) for each in stored.trials if each.contents.spec and not each.contents.damage]
    trained = [(spec, each) for spec, each in whole if each.folder.has_model()]
    left_out = [
        Estimated(each.labels, [], each.contents.record.reason) for each in stored.trials if each.contents.damage
    ]
    if not trained and not left_out:
        raise StoreError(
            f"{str(path)!r} holds no trained model: `bench run` trains, and keeps the weights; a reference has none."
        )
    files = sorted({file for spec, _ in trained for file in spec.files})
    if files and not trust:
        notes.append(f"Models that need the plugin files {', '.join(files)} are left out: --trust runs these files.")
        trained = [(spec, each) for spec, each in trained if not spec.files]
    if not (trained and choices) and notes:
        raise StoreError(f"Nothing in {str(path)!r} can be evaluated: {' '.join(notes)}")
    todo: list[tuple[TrialSpec, list[Choice]]] = []
    downloads: tuple[Path, ...] = ()
    if trained and choices:
        facts = survey.data_facts(trained[0][0].dataset, backend, execution.workers)
        downloads = facts.downloads
        changed = [each for _, each in trained if staleness.has_other_data(each.contents, facts.version)]
        if len(changed) == len(trained):
            raise StoreError(f"Nothing in {str(path)!r} can be evaluated: {CHANGED.format(trained[0][0].dataset.name)}")
        left_out += [Estimated(each.labels, [], CHANGED.format(each.labels.dataset)) for each in changed]
        trained = [(spec, each) for spec, each in trained if each not in changed]
        notes += staleness.edits({spec: each.contents for spec, each in trained})
        estimators = check_suitability(choices, [spec for spec, _ in trained], facts.sample, backend, execution.workers)
        notes += estimators.notes
        for spec, each in trained:
            available = facts.num_test if split == "test" else spec.n_train
            known, reached = each.contents.estimates, trial_state.reached(each.contents.record)
            missing = [
                c
                for c in estimators.of(spec)
                if _existing(known, reached, c, split, datapoints.number(points, available)) is None
            ]
            if missing:
                todo.append((spec, missing))
    untrained = [spec for spec, each in whole if not each.folder.has_model()]
    notes += [f"{each.path.name} is a reference without weights: it keeps its estimates." for each in store.references]
    return EstimationPlan(store, points, split, todo, untrained, notes, left_out, downloads)


def _names(likelihood: Sequence[str], study: Study, *, trust: bool) -> tuple[list[str], list[str]]:
    """Return the estimators, and a note if those of the study are left out because they are untrusted files."""
    names = likelihood or [name for name in study.likelihood if trust or not plugins.is_file(name)]
    left = [] if likelihood else [name for name in study.likelihood if name not in names]
    note = f"The estimators {', '.join(left)} of the study are left out: --trust runs these files."
    return list(names), [note] if left else []


def run(plan: EstimationPlan, execution: Execution, backend: Backend) -> Iterator[Estimated]:
    """Estimate log p(x) for every model in ``plan.todo``, and yield the outcome of each as it arrives.

    A model whose estimation fails, or whose worker dies, has a ``failure``; the others continue.
    """
    tasks = [
        Task(plan.store.path, spec, choices, plan.points, plan.split, execution, plan.downloads)
        for spec, choices in plan.todo
    ]
    workers = replace(execution.workers, time_limit=execution.timeout)
    for outcome in backend.run(_estimate, tasks, workers):
        failure = f"Stopped after {execution.timeout:g} s." if outcome.timed_out else outcome.died
        yield outcome.result or Estimated(outcome.task.spec, [], failure)


def _estimate(task: Task) -> Estimated:
    """Runs in a worker: load the data and the weights, and estimate."""
    execution = task.execution
    device = execution.device
    try:
        names = devices.device_names(device)
        with process_state.standard(execution.threads), leased(names, execution.per_device) as device:
            return Estimated(task.spec, _estimates(task, torch.device(device)))
    except BaseException as error:  # one model that cannot be evaluated must not stop the others
        if interruption.is_by_user(error):
            raise
        return Estimated(task.spec, [], failure_in_words(error, device, execution.per_device))


def _estimates(task: Task, device: torch.device) -> list[EstimateRecord]:
    folder = Store(task.run_folder).trial(task.spec.id)
    stored = contents.read(folder)
    if stored.damage:
        raise StoreError(stored.record.reason)
    reached = trial_state.reached(stored.record)
    data = task.spec.load_data()
    if stored.record.provenance is None or stored.record.provenance.data != data.fingerprint():
        raise StoreError(CHANGED.format(task.spec.dataset.name))
    x = datapoints.evaluated(task.spec, data, device, task.points)[task.split]
    model = trained_model(task.spec, folder, data, device)
    estimates = Estimates(folder, reached)
    return [
        _existing(stored.estimates, reached, choice, task.split, len(x))
        or estimates.make(choice, model, x, task.split, task.spec.task)
        for choice in task.choices
    ]


def _existing(
    estimates: Sequence[EstimateRecord], samples: int, choice: Choice, split: Split, points: int
) -> EstimateRecord | None:
    """Return the existing estimate of the trained model on this many points or on simulated data, if it is current."""
    for each in estimates:
        on_these = each.points and (each.split, each.num_points) == (split, points)  # older versions used other points
        fits = each.split == SIMULATED or on_these
        if fits and (each.estimator, each.samples) == (choice.name, samples) and not is_edited(each):
            return each
    return None
