"""The files of one trial."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bench import seeds
from bench.errors import Damaged, StoreError
from bench.store import checksums
from bench.store.codec import from_plain, to_plain
from bench.store.files import parse, parse_checked, plain, read_bytes, read_checked, sync, write_checked, write_json
from bench.store.records import DiagnosisRecord, EstimateRecord, Status, TraceRow, TrialRecord
from bench.store.tensors import metadata, read_arrays, read_state, read_tensors, write_state, write_tensors
from bench.studies.spec import Labels, TrialSpec

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

RecordT = TypeVar("RecordT")

SPEC, STATUS, TRACE, DIAGNOSIS = "spec.json", "status.json", "trace.jsonl", "diagnosis.json"
MODEL, CHECKPOINT, ESTIMATES = "model.safetensors", "checkpoint.safetensors", "likelihoods.*.safetensors"
_DONE, _BUDGET = f'"status": "{Status.DONE}"'.encode(), re.compile(rb'"budget": (\d+)')  # in STATUS


class TrialFolder:
    """The files of one trial, each written whole or not at all, and with a checksum: see `bench.store.checksums`.

    All files are on disk when the trial has ended; before that, a power failure may lose what was written since the
    last checkpoint.  Methods that read a file raise Damaged if it differs from what was written.
    `bench.store.contents` reads them all at once.

    >>> import tempfile
    >>> from bench.store.records import Status
    >>> folder = TrialFolder(Path(tempfile.mkdtemp()))
    >>> folder.read_status().status
    <Status.WAITING: 'waiting'>
    >>> folder.write_status(TrialRecord(Status.CRASHED, reason="out of memory"))
    >>> folder.read_status().reason
    'out of memory'
    """

    def __init__(self, path: Path) -> None:
        """``path`` need not exist yet; its name is the trial's id."""
        self.path = path
        self._path, self._name = str(path), path.name

    # -- records ---------------------------------------------------------------------------------------------------

    def write_spec(self, spec: TrialSpec) -> None:
        """Write the specification; it is not synced yet, since the plan has it too and may have thousands to write."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / SPEC, spec.to_dict(), self.path.name, synced=False)

    def read_spec(self) -> TrialSpec:
        """Read the specification; raises Damaged if it is that of another trial."""
        content = parse_checked(SPEC, self.content(SPEC))
        try:
            spec = TrialSpec.from_dict(content)
            from_plain(Labels, vars(spec.labels()))  # are they of the right types?
            identity = spec.id
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            raise Damaged(SPEC, repr(error)) from error
        if identity != self._name:
            raise Damaged(SPEC, f"it is that of the trial {identity}")
        return spec

    def write_status(self, record: TrialRecord) -> None:
        """Write the current or final state of the trial."""
        self._write(STATUS, record, synced=record.status.has_ended)
        if record.status.has_ended:
            sync(self.path)

    def read_status(self) -> TrialRecord:
        """Read the state of the trial; a trial that has not begun is waiting."""
        return self._read(STATUS, TrialRecord) or TrialRecord()

    def seems_done(self, budget: int) -> bool:
        """Whether the trial seems to have ended well with this budget: a quick look without checks."""
        try:
            text = read_bytes(f"{self._path}{os.sep}{STATUS}")
        except OSError:
            return False
        match = _BUDGET.search(text)
        return _DONE in text and match is not None and int(match[1]) >= budget

    def write_trace(self, rows: Sequence[TraceRow]) -> None:
        """Write all evaluations, one per line, after a line with the checksum."""
        lines = [{checksums.KEY: checksums.BLANK}, *(plain(to_plain(row)) for row in rows)]
        text = "".join(f"{json.dumps(line)}\n" for line in lines)
        write_checked(self.path / TRACE, text.encode(), self.path.name, synced=False)  # a checkpoint holds it too

    def read_trace(self) -> list[TraceRow]:
        """Read the evaluations; there are no rows if there is no trace yet."""
        if not self.has(TRACE):
            return []
        _, *lines = self.content(TRACE).decode().splitlines()
        return [_fitted(TRACE, TraceRow, _parsed(TRACE, line)) for line in lines]

    def write_diagnosis(self, record: DiagnosisRecord) -> None:
        """Write the diagnosis of where the model loses log-likelihood."""
        self._write(DIAGNOSIS, record)

    def read_diagnosis(self) -> DiagnosisRecord | None:
        """Read the diagnosis; None if there is none."""
        return self._read(DIAGNOSIS, DiagnosisRecord)

    # -- estimates: a file for each estimator and split, so that several commands may estimate at once ----------------

    def write_estimate(self, record: EstimateRecord, values: Mapping[str, Tensor]) -> None:
        """Write an estimate of log p(x), replacing an earlier one by the same estimator on the same split.

        ``values`` are the values per datapoint, [N], by quantity.
        """
        path = self.path / _estimate_name(record.estimator, record.split)
        write_tensors(path, values, self.path.name, {"record": json.dumps(plain(to_plain(record)))})

    def read_estimates(self) -> tuple[EstimateRecord, ...]:
        """Read the records of all estimates, in the order of the estimators' names."""
        records = map(self.read_estimate, self.estimate_names())
        return tuple(sorted(records, key=lambda record: (record.estimator, record.split)))

    def read_estimate(self, name: str) -> EstimateRecord:
        """Read the record in one of the files of `estimate_names`."""
        return _fitted(name, EstimateRecord, _parsed(name, metadata(name, self.content(name)).get("record", "")))

    def read_estimate_values(self, estimator: str, split: str) -> dict[str, Tensor]:
        """Read the values per datapoint, [N], by quantity; log-quantities are in nats."""
        return read_tensors(self.path / _estimate_name(estimator, split), self.path.name)

    def read_log_likelihoods(self, estimator: str, split: str) -> NDArray[np.float64]:
        """Read log p(x) per datapoint, [N] in nats; does not need PyTorch."""
        values = read_arrays(self.path / _estimate_name(estimator, split), self.path.name)["log_likelihood"]
        return values.astype(float)

    def estimate_names(self) -> list[str]:
        """Return the names of the files of the estimates."""
        begin, end = ESTIMATES.split("*")
        try:
            names = [entry.name for entry in os.scandir(self.path)]
        except OSError:  # it does not exist, or is not a folder
            return []
        return sorted(name for name in names if name.startswith(begin) and name.endswith(end))

    def forget_estimates(self, samples: int) -> None:
        """Remove the estimates of models that were not trained on exactly this number of samples."""
        for name in self.estimate_names():
            if self.read_estimate(name).samples != samples:
                (self.path / name).unlink()

    # -- tensors -------------------------------------------------------------------------------------------------------

    def write_model(self, weights: Mapping[str, Tensor]) -> None:
        """Write the weights at the end of training."""
        write_tensors(self.path / MODEL, weights, self.path.name)

    def has_model(self) -> bool:
        """Whether there are weights."""
        return self.has(MODEL)

    def read_model(self) -> dict[str, Tensor]:
        """Read the weights; raises StoreError if there are none."""
        if not self.has_model():
            raise StoreError(f"{MODEL} does not exist: the trial has not ended, or its weights were deleted.")
        return read_tensors(self.path / MODEL, self.path.name)

    def write_checkpoint(self, state: Mapping[str, object]) -> None:
        """Write the state to resume from: nested dicts and lists of tensors and numbers."""
        write_state(self.path / CHECKPOINT, state, self.path.name)

    def read_checkpoint(self) -> dict[str, Any] | None:
        """Read the checkpoint; None if there is none."""
        return read_state(self.path / CHECKPOINT, self.path.name) if self.has(CHECKPOINT) else None

    # -- all files -----------------------------------------------------------------------------------------------------

    def exists(self) -> bool:
        """Whether anything is stored for the trial."""
        return os.path.lexists(self.path)

    def has(self, name: str) -> bool:
        """Whether there is a file, or anything else, of this name."""
        return os.path.lexists(f"{self._path}{os.sep}{name}")  # this and `content` are called many thousand times

    def content(self, name: str) -> bytes:
        """Read the content of a file, with its checksum; raises Damaged if the checksum does not match."""
        return read_checked(self.path / name, self._name)

    def checksum(self, name: str) -> str:
        """Return the checksum of a file; raises Damaged if it does not match."""
        return checksums.stored(self.content(name))

    def checksums(self) -> dict[str, str]:
        """Return the checksums of the files of an ended trial except estimates, by name; all are synced to disk."""
        for name in filter(self.has, (SPEC, TRACE)):
            sync(self.path / name)
        sums = {}
        for name in (TRACE, MODEL, DIAGNOSIS):
            with contextlib.suppress(Damaged):  # files that are damaged or missing have none
                sums[name] = self.checksum(name)
        return sums

    def fingerprint(self) -> str:
        """Return the SHA-256 of all files and their names; empty if there is no folder, or if it contains non-files.

        It takes a fifth of the time needed to read the records, since nothing is parsed or checked.
        """
        content = hashlib.sha256()
        try:
            for name in sorted(entry.name for entry in os.scandir(self._path)):
                part = read_bytes(f"{self._path}{os.sep}{name}")
                content.update(os.fsencode(f"{name}\0{len(part)}\0"))
                content.update(part)
        except OSError:
            return ""
        return content.hexdigest()

    def copy_records(self, target: Path) -> None:
        """Copy everything except weights and checkpoint to another folder of the same name."""
        target.mkdir(parents=True)
        names = [name for name in (SPEC, STATUS, TRACE, DIAGNOSIS) if self.has(name)]
        for name in (*names, *self.estimate_names()):
            shutil.copyfile(self.path / name, target / name)

    def remove(self, name: str) -> None:
        """Remove a file, or a folder in its place; or a file in place of the trial's own folder."""
        if not self.path.is_dir():
            self.path.unlink(missing_ok=True)
        path = self.path / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget everything except the spec: the trial starts again."""
        for path in self.path.glob("*"):
            if path.name != SPEC:
                self.remove(path.name)

    def _write(self, name: str, record: object, *, synced: bool = True) -> None:
        write_json(self.path / name, cast(dict[str, object], to_plain(record)), self.path.name, synced=synced)

    def _read(self, name: str, kind: type[RecordT]) -> RecordT | None:
        """Read the record in a file; None if there is no file."""
        return _fitted(name, kind, parse_checked(name, self.content(name))) if self.has(name) else None


def _estimate_name(estimator: str, split: str) -> str:
    return ESTIMATES.replace("*", seeds.digest([estimator, split])[:16])


def _parsed(name: str, text: str) -> object:
    try:
        return parse(text)
    except (ValueError, RecursionError) as error:
        raise Damaged(name, str(error)) from error


def _fitted(name: str, kind: type[RecordT], content: object) -> RecordT:
    try:
        return from_plain(kind, content)
    except (TypeError, ValueError, AttributeError, RecursionError) as error:
        raise Damaged(name, str(error)) from error
