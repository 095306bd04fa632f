"""What a study still needs: which trials have to run, and which estimators each of them gets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from bench import devices
from bench.execution import standing
from bench.execution.backend import Backend
from bench.execution.execution import Execution
from bench.execution.provenance import code_changes
from bench.execution.suitability import Suitability, check_suitability
from bench.store import contents
from bench.store.contents import Contents
from bench.store.records import Status
from bench.store.run_folder import Store
from bench.store.trial_folder import CHECKPOINT, STATUS
from bench.studies.spec import TrialSpec
from bench.studies.study import Study


@dataclass(frozen=True)
class Plan:
    """What is to be done in a run folder: ``todo``, out of all ``specs``; ``stale`` ones were finished by other code.

    ``estimators`` are those that can be used on each trial's model; ``understood`` is what a user's file was read as.
    """

    store: Store
    study: Study
    specs: list[TrialSpec]
    todo: list[TrialSpec]
    estimators: Suitability
    stale: list[TrialSpec] = field(default_factory=list)
    damage: list[str] = field(default_factory=list)  # what was found damaged, in words
    understood: str = ""


def plan(study: Study, out: Path, execution: Execution, backend: Backend) -> Plan:
    """Check everything that can be checked before training, create the run folder, and find out what it lacks.

    Raises UsageError if the request is wrong; nothing is written then.
    """
    seed = study.seeds[0]
    data = study.load_data(seed)
    estimators = check_suitability(study.estimators, study.expand(data), backend, execution.workers)
    devices.choose_device(execution.device)
    store = Store.create(out, study, specs=study.expand(data))
    study = store.read_study()  # with the seeds and the budget of earlier commands on this folder
    specs = study.expand(data)
    damage = [text for spec in specs for text in _heal(store, spec)]
    found = {spec: contents.read(store.trial(spec.id)) for spec in specs}
    stale = _stale(found, data.fingerprint(), seed)
    for spec in stale if execution.rerun_stale else []:
        store.trial(spec.id).clear()
        found[spec] = contents.read(store.trial(spec.id))
    todo = [
        spec
        for spec, each in found.items()
        if not standing.is_finished(each, study.budget, [e.name for e in estimators.of(spec)])
    ]
    return Plan(store, study, specs, todo, estimators, [] if execution.rerun_stale else stale, damage, data.understood)


def _heal(store: Store, spec: TrialSpec) -> list[str]:
    """Remove what is damaged of a trial, and have it made anew from its last checkpoint; what that is, in words.

    A checkpoint alone is not made anew: without it a larger budget begins at the beginning, and ends at the same.
    """
    folder = store.trial(spec.id)
    damage = contents.read(folder, tensors=True).damage
    if not damage:
        return []
    contents.heal(folder, damage)
    folder.write_spec(spec)
    if {*damage} != {CHECKPOINT} and folder.has(STATUS):
        standing.mark(folder, Status.WAITING)
    return [f"{spec}: {text}" for text in damage.values()]


def _stale(found: dict[TrialSpec, Contents], data: str, seed: int) -> list[TrialSpec]:
    """The trials that were run, or begun, with other code or other data than the present ones.

    ``data`` is the fingerprint of the present data of ``seed``: if it has changed, the data of all seeds have.
    """
    made_by = {spec: each.record.provenance for spec, each in found.items()}
    provenances = {spec: provenance for spec, provenance in made_by.items() if provenance is not None}
    if any(provenance.data != data for spec, provenance in provenances.items() if spec.seed == seed):
        return list(provenances)
    return [spec for spec in provenances if code_changes(spec, provenances[spec], found[spec].estimates)]
