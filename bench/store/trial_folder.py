"""The files of one trial."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import StoreError
from bench.store.files import (
    plain,
    read_json,
    read_state,
    read_tensors,
    unplain,
    write_json,
    write_state,
    write_tensors,
    write_text,
)
from bench.studies.spec import TrialSpec

if TYPE_CHECKING:
    from torch import Tensor


ENDED = ("done", "failed", "diverged", "timeout", "crashed")


FINISHED = ("done", "diverged")  # running such a trial again would give the same


class TrialFolder:
    """The files of one trial."""

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
            return TrialSpec.from_dict(read_json(path))
        except (KeyError, TypeError) as error:
            raise StoreError(f"{path} is of another version of bench ({error!r}): run the study anew.") from error

    def write_status(self, status: Mapping[str, Any]) -> None:
        """How it stands or ended: status, reason, clocks, provenance."""
        write_json(self.path / "status.json", status)

    def read_status(self) -> dict[str, Any]:
        """Empty where the trial has not begun."""
        path = self.path / "status.json"
        return read_json(path, dict) if path.exists() else {}

    def append_trace(self, row: Mapping[str, Any]) -> None:
        """One evaluation more, on disk when this returns."""
        with (self.path / "trace.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(plain(row)) + "\n")
            file.flush()

    def read_trace(self) -> list[dict[str, Any]]:
        """All evaluations, up to the first line that is none: a half-written one, or what a power cut has left."""
        path = self.path / "trace.jsonl"
        rows: list[dict[str, Any]] = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
            try:
                row = unplain(json.loads(line))
            except json.JSONDecodeError:
                break
            if not isinstance(row, dict):
                break
            rows.append(row)
        return rows

    def trim_trace(self, samples: int) -> None:
        """Forget evaluations beyond ``samples``: training goes on from a checkpoint that is older than they are."""
        rows = [row for row in self.read_trace() if row["samples"] <= samples]
        write_text(self.path / "trace.jsonl", "".join(json.dumps(plain(row)) + "\n" for row in rows))

    def write_likelihoods(self, rows: list[dict[str, Any]], values: Mapping[str, Tensor]) -> None:
        """The estimates of log p(x): a summary each, and all values a datapoint."""
        write_tensors(self.path / "likelihoods.safetensors", values)
        write_json(self.path / "likelihoods.json", rows)

    def read_likelihoods(self) -> list[dict[str, Any]]:
        """The summaries, in the order in which the estimators were asked for."""
        path = self.path / "likelihoods.json"
        return read_json(path, list) if path.exists() else []

    def read_likelihood_values(self) -> dict[str, Tensor]:
        """The values a datapoint, under ``ESTIMATOR/SPLIT/QUANTITY``."""
        path = self.path / "likelihoods.safetensors"
        return read_tensors(path)[0] if path.exists() else {}

    def write_diagnosis(self, row: Mapping[str, Any]) -> None:
        """Where the model loses."""
        write_json(self.path / "diagnosis.json", row)

    def read_diagnosis(self) -> dict[str, Any]:
        """The inverse of `write_diagnosis`; empty where there is none."""
        path = self.path / "diagnosis.json"
        return read_json(path, dict) if path.exists() else {}

    def write_model(self, weights: Mapping[str, Tensor]) -> None:
        """The weights at the end."""
        write_tensors(self.path / "model.safetensors", weights)

    def has_model(self) -> bool:
        """Whether there are weights."""
        return (self.path / "model.safetensors").exists()

    def read_model(self) -> dict[str, Tensor]:
        """Raises StoreError where the trial has no weights."""
        path = self.path / "model.safetensors"
        if not self.has_model():
            raise StoreError(f"{path} does not exist: the trial has not ended, or its weights were deleted.")
        return read_tensors(path)[0]

    def write_checkpoint(self, state: Mapping[str, Any]) -> None:
        """What resuming needs: nested dicts and lists of tensors and numbers."""
        write_state(self.path / "checkpoint.safetensors", state)

    def read_checkpoint(self) -> dict[str, Any] | None:
        """The inverse of `write_checkpoint`; None where there is none."""
        path = self.path / "checkpoint.safetensors"
        return read_state(path) if path.exists() else None

    def clear(self) -> None:
        """Forget all but the spec: the trial starts again."""
        for path in self.path.glob("*"):
            if path.name != "spec.json":
                path.unlink()
