"""The columns of a run's tables: names in their promised order, with the types of the store's records."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any, get_type_hints

import pandas as pd

from bench.store.records import (
    DiagnosisRecord,
    EstimateRecord,
    LatentRecord,
    Provenance,
    RateRecord,
    TraceRow,
    TrialRecord,
)
from bench.studies.spec import Labels
from bench.training.clocks import Clocks

_TEXT = {str, str | None}
_NUMBER = {int, float, bool, int | None, float | None}


def columns(*kinds: type) -> tuple[str, ...]:
    """The names of the fields of these dataclasses that hold one text or number, in their order."""
    return tuple(dict.fromkeys(name for kind in kinds for name in _types(kind)))


def texts(*kinds: type) -> set[str]:
    """The names of the fields that hold a text."""
    return {name for kind in kinds for name, hint in _types(kind).items() if hint in _TEXT}


def values(record: object) -> dict[str, object]:
    """The texts and numbers of a record, by column; empty for None, which represents a missing record."""
    kind: Any = type(record)
    return {} if record is None else {name: getattr(record, name) for name in _types(kind)}


@cache
def _types(kind: type) -> Mapping[str, object]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if hints[f.name] in _TEXT | _NUMBER}


LABELS = columns(Labels)  # what every row begins with

TRIAL_COLUMNS = (
    *(*LABELS, "status", "reason"),
    *(*columns(Clocks), "elbo_train", "elbo_test", "log_likelihood_test", "log_likelihood_test_se", "estimator"),
    *("samples_per_second", "learning_rate", "tune", "chosen", "tuning_samples", "model", "decoder", "pixels"),
    *("jobs", "threads", "device", "cpu_share", "budget", "machine", "processor", "python", "torch", "numpy"),
    *("data", "data_version", "stale", "reference"),
)
TRACE_COLUMNS = columns(Labels, TraceRow)
DIAGNOSTIC_COLUMNS = (*LABELS, "samples", "updates", "name", "value")
LIKELIHOOD_COLUMNS = columns(Labels, EstimateRecord)
LIKELIHOOD_TRACE_COLUMNS = (
    *(*LABELS, "samples", "model_evaluations", "train_seconds", "estimator", "split", "num_points", "num_failed"),
    *("log_likelihood", "log_likelihood_se", "bias", "warnings", "seconds"),
)
DIAGNOSIS_COLUMNS = columns(Labels, DiagnosisRecord)
TUNING_COLUMNS = (
    *(*LABELS, "tune", "candidate", "score", "score_samples", "last_round", "chosen"),
    *("tuning_samples", "tuning_model_evaluations", "tuning_seconds", "scoring_model_evaluations", "scoring_seconds"),
)
HYPERPARAMETER_COLUMNS = (*LABELS, "hyperparameter", "setting", "family", "chosen")
RATE_COLUMNS = (*LABELS, "estimator", "split", *columns(RateRecord))
LATENT_COLUMNS = (*LABELS, "dimension", *columns(LatentRecord))

TEXTS = texts(Labels, TrialRecord, Provenance, EstimateRecord, DiagnosisRecord) | {
    *("status", "model", "decoder", "name", "stale", "tune", "chosen", "candidate", "reference"),
    *("hyperparameter", "setting", "family"),
}


def frame_of(rows: Iterable[Mapping[str, object]], columns: Sequence[str]) -> pd.DataFrame:
    """The rows as a frame that has the promised columns even if no row fills them, each with its type.

    Texts are objects; everything else is a number, int64 if all are whole and none is missing, else float64.
    """
    frame = pd.DataFrame(list(rows))
    extra = [name for name in frame.columns if name not in columns]
    frame = frame.reindex(columns=[*columns, *extra])
    for name in frame.columns.difference([*TEXTS]):
        frame[name] = pd.to_numeric(frame[name], errors="coerce") if len(frame) else frame[name].astype(float)
    return frame
