"""The files of one trial."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from bench.errors import StoreError
from bench.store.codec import from_plain, to_plain
from bench.store.files import plain, read_json, unplain, unreadable, write_json, write_text
from bench.store.records import DiagnosisRecord, EstimateRecord, TraceRow, TrialRecord
from bench.store.tensors import read_state, read_tensors, write_state, write_tensors
from bench.studies.spec import TrialSpec

if TYPE_CHECKING:
    from torch import Tensor

RecordT = TypeVar("RecordT")


class TrialFolder:
    """The files of one trial.  Each is written whole or not at all, except for the trace, which is appended to.

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
        """``path`` need not exist yet."""
        self.path = path

    def write_spec(self, spec: TrialSpec) -> None:
        """What the trial is."""
        self.path.mkdir(parents=True, exist_ok=True)
        write_json(self.path / "spec.json", spec.to_dict())

    def read_spec(self) -> TrialSpec:
        """The inverse of `write_spec`."""
        path = self.path / "spec.json"
        try:
            return TrialSpec.from_dict(cast(Mapping[str, Any], read_json(path)))
        except (KeyError, TypeError) as error:
            raise StoreError(
                f"{path} was written by another version of bench ({error!r}): run the study again."
            ) from error

    def write_status(self, record: TrialRecord) -> None:
        """How the trial stands or ended."""
        write_json(self.path / "status.json", to_plain(record))

    def read_status(self) -> TrialRecord:
        """The inverse of `write_status`; a trial that has not begun is waiting."""
        return _read(self.path / "status.json", TrialRecord) or TrialRecord()

    def append_trace(self, row: TraceRow) -> None:
        """One more evaluation, on disk when this returns."""
        with (self.path / "trace.jsonl").open("a", encoding="utf-8") as file:
            file.write(_line(row))
            file.flush()

    def read_trace(self) -> list[TraceRow]:
        """All evaluations, up to the first damaged line: one that is half written, or what a power cut has left.

        Raises StoreError for a line that is whole, but no `TraceRow`.
        """
        path = self.path / "trace.jsonl"
        rows = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
            try:
                content = unplain(json.loads(line))
            except json.JSONDecodeError:
                break
            if not isinstance(content, dict):
                break
            rows.append(_fitted(path, TraceRow, content))
        return rows

    def trim_trace(self, samples: int) -> None:
        """Forget evaluations beyond ``samples``: training goes on from a checkpoint that is older than they are."""
        rows = [row for row in self.read_trace() if row.samples <= samples]
        write_text(self.path / "trace.jsonl", "".join(map(_line, rows)))

    def write_estimates(self, records: Sequence[EstimateRecord], values: Mapping[str, Tensor]) -> None:
        """The estimates of log p(x): a record each, and the values per datapoint (see `read_estimate_values`)."""
        write_tensors(self.path / "likelihoods.safetensors", values)
        write_json(self.path / "likelihoods.json", to_plain(records))

    def read_estimates(self) -> tuple[EstimateRecord, ...]:
        """The records, in the order in which the study names the estimators."""
        return _read(self.path / "likelihoods.json", tuple[EstimateRecord, ...]) or ()

    def read_estimate_values(self) -> dict[str, Tensor]:
        """The values per datapoint, each [N], by ``ESTIMATOR/SPLIT/QUANTITY``; log-quantities in nats."""
        path = self.path / "likelihoods.safetensors"
        return read_tensors(path)[0] if path.exists() else {}

    def write_diagnosis(self, record: DiagnosisRecord) -> None:
        """Where the model loses log-likelihood."""
        write_json(self.path / "diagnosis.json", to_plain(record))

    def read_diagnosis(self) -> DiagnosisRecord | None:
        """The inverse of `write_diagnosis`; None if there is none."""
        return _read(self.path / "diagnosis.json", DiagnosisRecord)

    def write_model(self, weights: Mapping[str, Tensor]) -> None:
        """The weights at the end of training."""
        write_tensors(self.path / "model.safetensors", weights)

    def has_model(self) -> bool:
        """Whether there are weights."""
        return (self.path / "model.safetensors").exists()

    def read_model(self) -> dict[str, Tensor]:
        """The weights; raises StoreError if there are none."""
        path = self.path / "model.safetensors"
        if not self.has_model():
            raise StoreError(f"{path} does not exist: the trial has not ended, or its weights were deleted.")
        return read_tensors(path)[0]

    def write_checkpoint(self, state: Mapping[str, object]) -> None:
        """What resuming needs: nested dicts and lists of tensors and numbers."""
        write_state(self.path / "checkpoint.safetensors", state)

    def read_checkpoint(self) -> dict[str, object] | None:
        """The inverse of `write_checkpoint`; None if there is none."""
        path = self.path / "checkpoint.safetensors"
        return read_state(path) if path.exists() else None

    def clear(self) -> None:
        """Forget everything except the spec: the trial starts again."""
        for path in self.path.glob("*"):
            if path.name != "spec.json":
                path.unlink()


def _line(row: TraceRow) -> str:
    return json.dumps(plain(to_plain(row))) + "\n"


def _read(path: Path, kind: type[RecordT]) -> RecordT | None:
    """The record in a file, None if there is no file; raises StoreError for one that is damaged or does not fit."""
    return _fitted(path, kind, read_json(path)) if path.exists() else None


def _fitted(path: Path, kind: type[RecordT], content: object) -> RecordT:
    try:
        return from_plain(kind, content)
    except (TypeError, ValueError) as error:
        raise unreadable(path, error) from error
