"""What lies on disk: a folder a run, a folder a trial.

The trace alone is appended to, and a last line cut short by a killed process is passed over.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import StoreError
from bench.files import (
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
from bench.options import parse_call
from bench.study import FORMAT, Study, TrialSpec

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


class Store:
    """A run folder."""

    def __init__(self, path: Path) -> None:
        """``path`` need not exist yet."""
        self.path = path

    @classmethod
    def create(cls, path: Path, study: Study) -> Store:
        """The run folder of ``study``, made or gone on with.

        Raises StoreError where ``path`` is a file, cannot be written, holds something else or another study.
        """
        store = cls(path)
        if path.exists() and not path.is_dir():
            raise StoreError(f"`out` must be a folder, and {str(path)!r} is a file: choose another --out.")
        if (path / "study.toml").exists():
            earlier = store.read_study()
            differences = study.differs_from(earlier)
            if differences:
                raise StoreError(
                    f"{str(path)!r} holds another study ({'; '.join(differences)}): choose another --out. "
                    "Only the budget, the seeds and the estimators may change within a folder."
                )
            study = study.merged_with(earlier)
        elif path.exists() and any(path.iterdir()):
            raise StoreError(f"{str(path)!r} is not empty and holds no study: choose another --out.")
        try:
            path.mkdir(parents=True, exist_ok=True)
            write_text(path / "study.toml", f"# Written by bench.\nformat = {FORMAT}\n" + study.to_toml())
        except OSError as error:
            raise StoreError(
                f"`out` {str(path)!r} cannot be written ({error.strerror}): choose another --out."
            ) from error
        return store

    @classmethod
    def open(cls, path: Path) -> Store:
        """An existing run folder; raises StoreError where there is none."""
        if not (path / "study.toml").is_file():
            raise StoreError(
                f"{str(path)!r} is not a run folder (it has no study.toml): give the folder of a `bench run`."
            )
        return cls(path)

    def read_study(self) -> Study:
        """What was asked of this folder."""
        return Study.from_toml(self.path / "study.toml")

    def trial(self, trial_id: str) -> TrialFolder:
        """The files of a trial."""
        return TrialFolder(self.path / "trials" / trial_id)

    def trials(self) -> list[tuple[TrialSpec, TrialFolder]]:
        """Every trial that has a spec, in the study's order of algorithms, then by n_train, z and seed."""
        folders = [TrialFolder(path.parent) for path in sorted(self.path.glob("trials/*/spec.json"))]
        found = [(folder.read_spec(), folder) for folder in folders]
        asked = [_read_call(text) for text in self.read_study().algos]

        def place(spec: TrialSpec) -> tuple[int, int, int, str, int]:
            name = spec.algorithm.name
            return spec.n_train, spec.z, _rank(_read_call(name), asked), name, spec.seed

        return sorted(found, key=lambda pair: place(pair[0]))


def _read_call(text: str) -> tuple[str, dict[str, object]]:
    """The name of a plugin or of its file, and settings in which 1e5 is 100000."""
    name, settings = parse_call(text)
    return Path(name).stem if name.endswith(".py") else name, {key: _number(value) for key, value in settings.items()}


def _number(text: str) -> object:
    try:
        return float(text)
    except ValueError:
        return text


def _rank(own: tuple[str, dict[str, object]], asked: list[tuple[str, dict[str, object]]]) -> int:
    """The place among what was asked, or that of the first of the same plugin: defaults may have been spelt out."""
    same = [i for i, other in enumerate(asked) if other[0] == own[0]]
    return next((i for i in same if asked[i] == own), same[0] if same else 0)
