"""Fans trials out over worker processes and devices, and sees that each of them leaves a row."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import cycle
from pathlib import Path
from typing import Any, Literal

from joblib import Parallel, delayed, parallel_config
from joblib.externals.loky import get_reusable_executor
from joblib.externals.loky.process_executor import TerminatedWorkerError

from bench import devices
from bench.errors import OptionError
from bench.execution.provenance import code_changes
from bench.execution.settings import Settings
from bench.execution.suitability import Suited, suited
from bench.execution.trial import execute
from bench.store.records import Status
from bench.store.run_folder import Store
from bench.studies.spec import Choice, TrialSpec
from bench.studies.study import Study

INTERRUPTED = "Interrupted; the same command goes on from the last checkpoint."

Backend = Literal["loky", "threading", "sequential"]


@dataclass(frozen=True)
class Execution:
    """Where and how trials run; nothing in here changes a result.

    ``jobs`` 0 is one worker for every core (or every CUDA device), divided by ``threads``; ``timeout`` is in seconds.
    """

    jobs: int = 0
    threads: int = 1
    device: str = "auto"
    backend: Backend = "loky"
    timeout: float | None = None
    rerun_stale: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be, naming the option."""
        for name, least in (("jobs", 0), ("threads", 1)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < least:
                raise OptionError(f"`{name}` must be an integer of at least {least} (got {value!r}).")
        if self.backend not in ("loky", "threading", "sequential"):
            raise OptionError(f"`backend` must be loky, threading or sequential (got {self.backend!r}).")
        if self.timeout is not None and not self.timeout > 0:
            raise OptionError(f"`timeout` must be above 0 seconds (got {self.timeout!r}).")

    @property
    def workers(self) -> int:
        """How many trials run at once."""
        if self.backend == "sequential":
            return 1
        if self.jobs:
            return self.jobs
        names = devices.device_names(self.device)
        if names != ["cpu"]:
            return len(names)
        return max(
            1,
            len(os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1))
            // self.threads,
        )


@dataclass(frozen=True)
class Plan:
    """What is to be done in a run folder: ``todo`` of all ``specs``; ``stale`` are finished, but by other code.

    ``estimators`` are those that can judge each trial's model.
    """

    store: Store
    study: Study
    specs: list[TrialSpec]
    todo: list[TrialSpec]
    estimators: Suited
    stale: list[TrialSpec] = field(default_factory=list)

    def statuses(self) -> dict[str, Status]:
        """The status of each trial by id; ``waiting`` where it has not begun."""
        return {spec.id: _status(self.store, spec) for spec in self.specs}


def plan(study: Study, out: Path, execution: Execution) -> Plan:
    """Check everything that can be checked before training, make the run folder, and find what it lacks.

    Raises UsageError where the request is wrong; nothing is written then.
    """
    seed = study.seeds[0]
    data = study.load_data(seed)
    estimators = suited(study.estimators, study.expand(data), data)
    devices.choose_device(execution.device)
    store = Store.create(out, study)
    study = store.read_study()  # with the seeds and the budget that the folder has been asked for before
    specs = study.expand(data)
    stale = _stale(store, specs, data.fingerprint(), seed)
    for spec in stale if execution.rerun_stale else []:
        store.trial(spec.id).clear()
    todo = [spec for spec in specs if not _is_finished(store, spec, study.budget, estimators.of(spec))]
    return Plan(store, study, specs, todo, estimators, [] if execution.rerun_stale else stale)


def run(plan: Plan, execution: Execution, ended: Callable[[TrialSpec], object]) -> None:
    """Run what is to be done; ``ended`` is called in this process after each trial.

    A trial that raises, diverges or runs out of time is a row like any other, and so is one whose process dies.  On
    KeyboardInterrupt the workers are ended, the trials under way marked as interrupted, and the exception goes on.
    """
    for spec in plan.todo:
        folder = plan.store.trial(spec.id)
        if _status(plan.store, spec) is Status.FAILED:
            folder.clear()  # its code may have been mended: no state of the failed run is gone on with
        folder.write_spec(spec)
        if _status(plan.store, spec) is not Status.WAITING:
            _mark(plan.store, spec, Status.WAITING)
    settings = {spec.id: given for spec, given in zip(plan.todo, _settings(plan, execution), strict=True)}
    waiting = plan.todo
    try:
        while waiting:
            suspects = _fan_out(plan, waiting, settings, execution, ended)
            for (
                spec
            ) in suspects:  # a worker died while these ran: each gets a worker of its own to show which one it was
                if _fan_out(plan, [spec], settings, execution, ended):
                    _mark(
                        plan.store,
                        spec,
                        Status.CRASHED,
                        "The worker process died (killed, out of memory, or a crash in native code).",
                    )
                    ended(spec)
            waiting = [spec for spec in waiting if not _status(plan.store, spec).has_ended]
    except KeyboardInterrupt:
        get_reusable_executor().shutdown(wait=True, kill_workers=True)
        for spec in plan.todo:
            if _status(plan.store, spec) is Status.RUNNING:
                _mark(
                    plan.store,
                    spec,
                    Status.INTERRUPTED,
                    "Interrupted; the same command goes on from the last checkpoint.",
                )
        raise


def _fan_out(
    plan: Plan,
    specs: list[TrialSpec],
    settings: dict[str, Settings],
    execution: Execution,
    ended: Callable[[TrialSpec], object],
) -> list[TrialSpec]:
    """Run the trials; returns those that were under way when a worker process died (none where all went through)."""
    with workers(execution, len(specs)) as parallel:
        try:
            for spec in parallel(delayed(_execute)(plan.store.path, spec, settings[spec.id]) for spec in specs):
                ended(spec)
        except TerminatedWorkerError:
            running = [spec for spec in specs if _status(plan.store, spec) is Status.RUNNING]
            left = [spec for spec in specs if not _status(plan.store, spec).has_ended]
            return running or left[: execution.workers]  # a worker may die before its trial has written anything
    return []


def _execute(path: Path, spec: TrialSpec, settings: Settings) -> TrialSpec:
    execute(Store(path).trial(spec.id), spec, settings)
    return spec


@contextmanager
def workers(execution: Execution, num_tasks: int) -> Iterator[Parallel]:
    """A joblib pool for so many tasks, that yields their results as they come."""
    limits: dict[str, Any] = {}
    if execution.backend == "loky":
        # joblib keeps its processes for the next call, and makes new ones where these arguments differ.
        limits = {"inner_max_num_threads": execution.threads, "initializer": os.chdir, "initargs": (Path.cwd(),)}
    at_once = max(1, min(execution.workers, num_tasks))
    # Asked for one job, joblib would run it in this process, where a crash or a Ctrl-C hits the whole run.
    num_jobs = max(2, at_once) if execution.backend == "loky" else at_once
    with parallel_config(backend=execution.backend, **limits):
        yield Parallel(n_jobs=num_jobs, return_as="generator_unordered", pre_dispatch=at_once, batch_size=1)


def _settings(plan: Plan, execution: Execution) -> Iterator[Settings]:
    """One for each trial to do; CUDA devices are handed out in turn."""
    names = cycle(devices.device_names(execution.device))
    for spec in plan.todo:
        yield Settings(
            budget=plan.study.budget,
            estimators=tuple(plan.estimators.of(spec)),
            eval_points=plan.study.eval_points,
            likelihood_points=plan.study.likelihood_points,
            likelihood_marks=plan.study.likelihood_marks,
            timeout=execution.timeout,
            device=next(names),
            threads=execution.threads,
            jobs=execution.workers,
            isolated=execution.backend == "loky",
        )


def _status(store: Store, spec: TrialSpec) -> Status:
    return store.trial(spec.id).read_status().status


def _mark(store: Store, spec: TrialSpec, status: Status, reason: str = "") -> None:
    folder = store.trial(spec.id)
    folder.write_status(replace(folder.read_status(), status=status, reason=reason))


def _is_finished(store: Store, spec: TrialSpec, budget: int, estimators: list[Choice]) -> bool:
    """Whether running the trial again would change nothing."""
    folder = store.trial(spec.id)
    record = folder.read_status()
    if not record.status.is_finished or record.clocks is None:
        return False
    if record.status is Status.DIVERGED:
        return True
    judged = {each.estimator for each in folder.read_estimates() if each.samples == record.clocks.samples}
    return record.clocks.samples >= budget and {choice.name for choice in estimators} <= judged


def _stale(store: Store, specs: list[TrialSpec], data: str, seed: int) -> list[TrialSpec]:
    """The trials that were made, or begun, by other code or on other data than today's.

    ``data`` is the fingerprint of today's data of ``seed``; where it differs, so do the data of all seeds.
    """
    made_by = {spec: store.trial(spec.id).read_status().provenance for spec in specs}
    begun = {spec: provenance for spec, provenance in made_by.items() if provenance is not None}
    if any(provenance.data != data for spec, provenance in begun.items() if spec.seed == seed):
        return list(begun)
    return [spec for spec in begun if code_changes(spec, begun[spec], store.trial(spec.id).read_estimates())]
