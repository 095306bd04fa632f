"""The columns of a run's tables: the fields of these dataclasses and of the store's records, in their order."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from functools import cache
from typing import get_type_hints

from bench.store.records import DiagnosisRecord, EstimateRecord, TraceRow

_TEXT = {str, str | None}
_NUMBER = {int, float, bool, int | None, float | None}


@dataclass(frozen=True)
class Labels:
    """What every row begins with: the trial, and where it is in the grid."""

    trial: str
    algorithm: str
    dataset: str
    z: int
    n_train: int
    seed: int


@dataclass(frozen=True)
class TrialRow(Labels):
    """How a trial ended; its log p(x) is the first estimator's, and missing if some datapoints have no estimate."""

    status: str
    reason: str
    samples: int | None
    updates: int | None
    model_evaluations: int | None
    train_seconds: float | None
    eval_seconds: float | None
    elbo_train: float | None
    elbo_test: float | None
    log_likelihood_test: float | None
    log_likelihood_test_se: float | None
    estimator: str | None
    samples_per_second: float | None  # without the seconds that the choice of the step size took
    learning_rate: float | None
    tuning_samples: int
    model: str
    decoder: str
    pixels: str | None
    jobs: int | None
    threads: int | None
    device: str | None
    cpu_share: float | None
    budget: int | None
    machine: str | None
    processor: str | None
    python: str | None
    torch: str | None
    data: str | None


@dataclass(frozen=True)
class DiagnosticRow(Labels):
    """A quantity that an algorithm reports of its updates: the mean since the evaluation mark before."""

    samples: int
    updates: int
    name: str
    value: float


@dataclass(frozen=True)
class LikelihoodTraceRow(Labels):
    """An estimate of log p(x) made while training was under way; the clocks are the training's."""

    samples: int
    model_evaluations: int
    train_seconds: float
    estimator: str
    split: str
    num_points: int
    num_failed: int
    log_likelihood: float
    log_likelihood_se: float
    bias: str
    warnings: str
    seconds: float  # of the estimator


@dataclass(frozen=True)
class LatentRow(Labels):
    """A latent dimension of a trained model; number 0 has the largest KL divergence."""

    dimension: int
    kl: float
    variance: float
    active: bool
    local_kl: float
    local_variance: float
    local_active: bool


def columns(*kinds: type) -> list[str]:
    """The names of the fields of these dataclasses that hold one text or number, in their order."""
    return list(dict.fromkeys(name for kind in kinds for name in _types(kind)))


def texts(*kinds: type) -> set[str]:
    """The names of those that hold a text."""
    return {name for kind in kinds for name, kind_of in _types(kind).items() if kind_of in _TEXT}


def values(record: object) -> dict[str, object]:
    """The texts and numbers of a record, by column; of None, which stands for a missing record, nothing."""
    if record is None:
        return {}
    kind: type = type(record)
    return {name: getattr(record, name) for name in _types(kind)}


@cache
def _types(kind: type) -> dict[str, object]:
    hints = get_type_hints(kind)
    return {f.name: hints[f.name] for f in dataclasses.fields(kind) if hints[f.name] in _TEXT | _NUMBER}


TRIAL_COLUMNS = columns(TrialRow)
TRACE_COLUMNS = columns(Labels, TraceRow)
DIAGNOSTIC_COLUMNS = columns(DiagnosticRow)
LIKELIHOOD_COLUMNS = columns(Labels, EstimateRecord)
LIKELIHOOD_TRACE_COLUMNS = columns(LikelihoodTraceRow)
DIAGNOSIS_COLUMNS = columns(Labels, DiagnosisRecord)
LATENT_COLUMNS = columns(LatentRow)
TEXTS = texts(TrialRow, TraceRow, DiagnosticRow, EstimateRecord, LikelihoodTraceRow, DiagnosisRecord, LatentRow)
