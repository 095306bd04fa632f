"""Plans a study: which trials still have to run, and which estimators each of them gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench import devices
from bench.execution import against, staleness, trial_state
from bench.execution.backend import Backend
from bench.execution.execution import Execution
from bench.execution.finished import Finished
from bench.execution.remote import elsewhere
from bench.execution.staleness import Changes, OnStale
from bench.execution.suitability import Suitability, check_suitability
from bench.execution.survey import survey
from bench.store import contents
from bench.store.contents import Contents
from bench.store.records import Status
from bench.store.references import Reference
from bench.store.run_folder import Store, StoredTrial
from bench.store.trial_folder import CHECKPOINT, STATUS
from bench.studies.spec import TrialSpec
from bench.studies.study import Study


@dataclass(frozen=True)
class Plan:
    """The work to do in a run folder: ``todo``, out of all ``specs``.  ``root`` is the folder of the whole study.

    ``stale`` lists trials that were made by other code or data, with what has changed; those also in ``todo`` are run
    again.  ``estimators`` are those that can be used on each trial's model; ``understood`` says how a user's file was
    interpreted.  ``reference`` is the run to compare with, ``counterparts`` are its trials.
    """

    root: Path
    store: Store
    study: Study
    specs: list[TrialSpec]
    todo: list[TrialSpec]
    estimators: Suitability
    data_version: str
    stale: Changes = field(default_factory=dict)
    damage: list[str] = field(default_factory=list)  # what was found damaged, in words
    understood: str = ""
    downloads: tuple[Path, ...] = ()  # that loading the data has read
    reference: Reference | None = None
    counterparts: list[StoredTrial] = field(default_factory=list)


def plan(
    study: Study,
    root: Path,
    part: str,
    execution: Execution,
    backend: Backend,
    on_stale: OnStale = "keep",
    reference: Reference | None = None,
) -> Plan:
    """Check everything that can be checked before training, create the run folder, and determine what it lacks.

    The run folder is that of a ``part`` within ``root``, or ``root`` itself if the part has no name.
    The results of a ``reference`` are copied into it.

    Raises UsageError, without writing anything, if the request is wrong or cannot be compared with the reference, if
    another back end is running trials of the folder, or if there are stale trials and ``on_stale`` is "error".
    """
    out = root / part
    study = study.settled(Store(out).protocol())
    surveyed = survey(study, backend, execution.workers)
    specs = surveyed.specs(study.seeds)
    estimators = check_suitability(surveyed.estimators, specs, surveyed.sample, backend, execution.workers)
    if not execution.is_remote:  # devices of other machines are chosen there
        devices.device_names(execution.device)
    if reference is not None:
        against.check(reference, study, specs, surveyed.version)
    elsewhere.refuse(out, root, backend)
    if on_stale == "error":
        staleness.refuse(Store(out), specs, surveyed.version)
    store = Store.create(out, study, specs=specs)
    study = store.read_study()  # with the seeds and the budget of earlier commands on this folder
    specs = surveyed.specs(study.seeds)
    counterparts = against.counterparts(reference, specs) if reference is not None else []
    if reference is not None:
        reference.keep_in(store, counterparts)
    finished = Finished(store, study, specs, estimators, surveyed.version)
    damage: dict[TrialSpec, list[str]] = {}
    by_spec = {spec: _read(store, spec, damage) for spec in specs if not finished.holds(spec)}
    stale = staleness.changes(by_spec, surveyed.version)
    kept = staleness.settle(store, by_spec, stale, on_stale)
    todo = [
        spec
        for spec, each in by_spec.items()
        if spec not in kept
        and (spec in stale or not trial_state.is_finished(each, study.budget, [e.name for e in estimators.of(spec)]))
    ]
    rest = by_spec.keys() - {*todo} - stale.keys() - damage.keys()
    finished.keep(spec for spec in rest if finished.covers(by_spec[spec].estimates))
    return Plan(
        *(
            root,
            store,
            study,
            specs,
            todo,
            estimators,
            surveyed.version,
            stale,
            [text for each in damage.values() for text in each],
            surveyed.understood,
            surveyed.downloads,
        ),
        reference=reference,
        counterparts=counterparts,
    )


def _read(store: Store, spec: TrialSpec, damage: dict[TrialSpec, list[str]]) -> Contents:
    """Read the content of a trial; damaged files are removed and described in ``damage``.

    They are recreated from the last checkpoint.  A lost checkpoint alone is not recreated: without it, training with a
    larger budget starts from the beginning and reaches the same result.
    """
    folder = store.trial(spec.id)
    content = contents.read(folder, tensors=True)
    if not content.damage:
        return content
    contents.remove_damaged(folder, content.damage)
    folder.write_spec(spec)
    if {*content.damage} != {CHECKPOINT} and folder.has(STATUS):
        trial_state.mark(folder, Status.WAITING)
    damage[spec] = [f"{spec}: {text}" for text in content.damage.values()]
    return contents.read(folder)
