"""Other or finer estimates of log p(x) for models that have been trained before."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from joblib import delayed
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from bench import devices
from bench.errors import BenchError, StoreError
from bench.execution.estimates import Estimates
from bench.execution.evaluation import SIMULATED
from bench.execution.provenance import is_edited
from bench.execution.runner import Execution, workers
from bench.execution.setup import trained_model
from bench.execution.suitability import suited
from bench.store.records import EstimateRecord
from bench.store.run_folder import Store
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Choice, TrialSpec, load_data

Split = Literal["test", "train"]


@dataclass(frozen=True)
class EstimationPlan:
    """What is to be estimated in a run folder.

    ``todo`` are the trained trials with the estimators that have not judged them, ``untrained`` the trials without
    weights, ``notes`` what the user should know of the choice.
    """

    store: Store
    points: int
    split: Split
    todo: list[tuple[TrialSpec, list[Choice]]]
    untrained: list[TrialSpec]
    notes: list[str]


@dataclass(frozen=True)
class Judged:
    """What became of a trial: its new rows of the likelihoods, or why there are none."""

    spec: TrialSpec
    rows: list[EstimateRecord]
    failure: str = ""


def plan(path: Path, likelihood: Sequence[str] = (), points: int = 0, split: Split = "test") -> EstimationPlan:
    """Check the request against the run folder; nothing is written.

    ``likelihood`` names the estimators and ``points`` how many of the first datapoints (by default as the study).
    Raises UsageError where there is no such run, no trained model, or an estimator that can judge none of them.
    """
    store = Store.open(path)
    study = store.read_study()
    choices = [Choice.parse("estimator", text) for text in likelihood] or study.estimators
    points = points or study.likelihood_points
    trials = store.trials()
    trained = [(spec, folder) for spec, folder in trials if folder.has_model()]
    if not trained:
        raise StoreError(f"{str(path)!r} holds no trained model: `bench run` trains, and keeps the weights.")
    data = load_data(trained[0][0].dataset, study.seeds[0])
    estimators = suited(choices, [spec for spec, _ in trained], data)
    todo = []
    for spec, folder in trained:
        available = len(data.x_test) if split == "test" else spec.n_train
        lacking = [c for c in estimators.of(spec) if not _known(folder, c, split, min(points, available))]
        if lacking:
            todo.append((spec, lacking))
    return EstimationPlan(
        store, points, split, todo, [spec for spec, folder in trials if not folder.has_model()], estimators.notes
    )


def _known(folder: TrialFolder, choice: Choice, split: Split, points: int) -> bool:
    """Whether the estimator has judged the trained model, on so many points or on data of its own."""
    known = [each for each in folder.read_estimates() if each.estimator == choice.name and not is_edited(each)]
    return any(
        each.samples == _samples(folder)
        and (each.split == SIMULATED or (each.split, each.num_points) == (split, points))
        for each in known
    )


def _samples(folder: TrialFolder) -> int:
    """Training samples that the trial has seen."""
    clocks = folder.read_status().clocks
    return clocks.samples if clocks else 0


def run(plan: EstimationPlan, execution: Execution, ended: Callable[[Judged], object]) -> None:
    """Judge every model that is to be judged; ``ended`` is called in this process after each.

    Raises BenchError where a worker process died; what was estimated before is kept.
    """
    device = str(devices.choose_device(execution.device))
    try:
        with workers(execution, len(plan.todo)) as parallel:
            for judged in parallel(delayed(_judge)(plan, *task, execution, device) for task in plan.todo):
                ended(judged)
    except TerminatedWorkerError as error:
        raise BenchError(
            "A worker process died (killed, out of memory, or a crash in native code). What was estimated before is "
            "kept, and the same command goes on: try --jobs 1, or fewer --points."
        ) from error
    except KeyboardInterrupt:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
        raise


def _judge(plan: EstimationPlan, spec: TrialSpec, choices: list[Choice], execution: Execution, device: str) -> Judged:
    """In a worker: load the data and the weights, and estimate."""
    if execution.backend == "loky":
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(execution.threads)
    folder = plan.store.trial(spec.id)
    try:
        data = load_data(spec.dataset, spec.seed)
        model = trained_model(spec, folder, data, torch.device(device))
        values = data.x_test if plan.split == "test" else data.x_train[: spec.n_train]
        x, estimates = values[: plan.points].to(device), Estimates(folder, _samples(folder))
        return Judged(spec, [estimates.make(choice, model, x, plan.split, spec.task) for choice in choices])
    except Exception as error:  # noqa: BLE001  # one trial that cannot be judged must not stop the others
        return Judged(spec, [], f"{type(error).__name__}: {error}")
