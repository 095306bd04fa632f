"""The content of a trial's folder, read at once; it has numbers only if all of the trial's files are intact."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from bench.errors import Damaged
from bench.store.records import DiagnosisRecord, EstimateRecord, Status, TraceRow, TrialRecord
from bench.store.trial_folder import CHECKPOINT, DIAGNOSIS, ESTIMATES, MODEL, STATUS, TRACE, TrialFolder
from bench.studies.spec import Labels, TrialSpec

T = TypeVar("T")

NUM_LOOKS = 5  # at most, until damage looks the same twice


@dataclass(frozen=True)
class Contents:
    """The records of a trial.  If one is damaged, the trial's status is `Status.DAMAGED` and it has no numbers.

    ``damage`` says what is wrong with each damaged file, by its name.  ``labels`` is None if both files that contain
    them are lost; ``spec`` is None if its file is lost.
    """

    labels: Labels | None
    spec: TrialSpec | None
    record: TrialRecord
    trace: tuple[TraceRow, ...] = ()
    estimates: tuple[EstimateRecord, ...] = ()
    diagnosis: DiagnosisRecord | None = None
    damage: Mapping[str, str] = field(default_factory=dict)


def read(folder: TrialFolder, *, tensors: bool = False) -> Contents:
    """Read all records of a trial; with ``tensors``, its weights and checkpoint are also verified.

    Never raises StoreError.  A file that another process is writing at the same time is not considered damaged.
    """
    contents = _read(_EachOnce(folder.path), tensors)
    for _ in range(NUM_LOOKS):
        if not contents.damage:
            break
        contents, earlier = _read(_EachOnce(folder.path), tensors), contents
        if contents.damage == earlier.damage:
            break
    return contents


class _EachOnce(TrialFolder):
    """A trial's files, each of which is read and checked once."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._content: dict[str, bytes] = {}

    def content(self, name: str) -> bytes:
        if name not in self._content:
            self._content[name] = super().content(name)
        return self._content[name]


def _read(folder: TrialFolder, tensors: bool) -> Contents:
    damage: dict[str, str] = {}
    if not folder.exists():
        return Contents(None, None, TrialRecord())

    def attempt(read: Callable[[], T]) -> T | None:
        try:
            return read()
        except Damaged as error:
            damage[error.file] = str(error)
            return None

    record = attempt(folder.read_status) or TrialRecord()
    spec = attempt(folder.read_spec)
    trace = attempt(folder.read_trace)
    estimates = [attempt(lambda name=name: folder.read_estimate(name)) for name in folder.estimate_names()]  # type: ignore[misc]  # mypy cannot infer a lambda with a default
    diagnosis = attempt(folder.read_diagnosis)
    if not folder.has(STATUS) and any(map(folder.has, (TRACE, MODEL, CHECKPOINT))):
        damage[STATUS] = str(Damaged(STATUS, "it is missing"))
    names = {estimate.estimator for estimate in estimates if estimate is not None}
    if record.status.has_ended:
        damage |= _not_as_left(folder, record, {*damage}, tensors)
    if record.status is Status.DONE and not names.issuperset(record.estimators) and len(names) == len(estimates):
        lost = ", ".join(sorted({*record.estimators} - names))
        damage[ESTIMATES] = str(Damaged(ESTIMATES, f"that of {lost} is missing"))
    if tensors and folder.has(CHECKPOINT):
        attempt(lambda: folder.checksum(CHECKPOINT))
    labels = spec.labels() if spec is not None else record.labels
    if damage:
        reason = " ".join(damage.values())
        return Contents(labels, spec, TrialRecord(Status.DAMAGED, reason, labels=labels), damage=damage)
    order = {name: i for i, name in enumerate(record.estimators)}
    known = sorted(
        (each for each in estimates if each is not None),
        key=lambda each: (order.get(each.estimator, len(order)), each.estimator, each.split),
    )
    return Contents(labels, spec, record, tuple(trace or ()), tuple(known), diagnosis)


def _not_as_left(folder: TrialFolder, record: TrialRecord, known: set[str], tensors: bool) -> dict[str, str]:
    """Return files that are missing or were replaced after the trial ended; weights are checked only if ``tensors``."""
    damage = {}
    for name in (TRACE, DIAGNOSIS, *((MODEL,) if tensors else ())):
        if name in record.files and name not in known:
            try:
                if folder.checksum(name) != record.files[name]:
                    damage[name] = str(Damaged(name, "it is of another state of the trial"))
            except Damaged as error:
                damage[name] = str(error)
    return damage


def remove_damaged(folder: TrialFolder, damage: Mapping[str, str]) -> None:
    """Remove damaged files, so that the next run recreates them, from the last checkpoint if that is intact."""
    for name in damage:
        folder.remove(name)
