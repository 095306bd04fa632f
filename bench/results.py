"""A run read back as tidy pandas frames."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from bench.store import Store, TrialFolder
from bench.study import Study, TrialSpec

TRIAL_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "status", "reason"),
    *("samples", "updates", "model_evaluations", "train_seconds", "eval_seconds", "elbo_train", "elbo_test"),
    *("log_likelihood_test", "log_likelihood_test_se", "estimator", "samples_per_second", "learning_rate"),
    *("tuning_samples", "model", "decoder", "pixels", "jobs", "threads", "device"),
]
TRACE_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "samples", "updates", "model_evaluations"),
    *("train_seconds", "eval_seconds", "objective", "elbo_train", "elbo_test"),
]
LIKELIHOOD_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "estimator", "split", "num_points"),
    *("log_likelihood", "log_likelihood_se", "bias", "model_evaluations", "seconds", "samples", "warnings"),
]


@dataclass(frozen=True)
class Results:
    """The results of a run folder: three frames, read when first asked for.

    ``trials`` has a row for each trial, ``trace`` one for each evaluation, ``likelihoods`` one for each estimate.  All
    log-quantities are nats a datapoint.
    """

    path: Path

    @cached_property
    def study(self) -> Study:
        """What was asked for."""
        return Store(self.path).read_study()

    @cached_property
    def _folders(self) -> list[tuple[TrialSpec, TrialFolder]]:
        return Store(self.path).trials()

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row a trial, whatever became of it."""
        return _frame([_trial_row(spec, folder) for spec, folder in self._folders], TRIAL_COLUMNS)

    @cached_property
    def trace(self) -> pd.DataFrame:
        """A row an evaluation, in the order of samples."""
        rows = [{**spec.labels(), **row} for spec, folder in self._folders for row in folder.read_trace()]
        return _frame(rows, TRACE_COLUMNS)

    @cached_property
    def likelihoods(self) -> pd.DataFrame:
        """A row an estimate of log p(x): mean over the datapoints, and its Monte Carlo standard error."""
        rows = [{**spec.labels(), **row} for spec, folder in self._folders for row in folder.read_likelihoods()]
        return _frame(rows, LIKELIHOOD_COLUMNS)


def _frame(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """The rows as a frame that has the promised columns even where no row fills them."""
    frame = pd.DataFrame(rows)
    extra = [name for name in frame.columns if name not in columns]
    return frame.reindex(columns=[*columns, *extra])


def _trial_row(spec: TrialSpec, folder: TrialFolder) -> dict[str, Any]:
    status, trace, likelihoods = folder.read_status(), folder.read_trace(), folder.read_likelihoods()
    last = trace[-1] if trace else {}
    first = next((row for row in likelihoods if row["split"] == "test"), {})
    clocks = status.get("clocks", {})
    seconds = clocks.get("train_seconds", 0.0) - status.get("tuning", {}).get("seconds", 0.0)
    return {
        **spec.labels(),
        "status": status.get("status", "waiting"),
        "reason": status.get("reason", ""),
        **{
            name: clocks.get(name)
            for name in ("samples", "updates", "model_evaluations", "train_seconds", "eval_seconds")
        },
        "elbo_train": last.get("elbo_train"),
        "elbo_test": last.get("elbo_test"),
        "log_likelihood_test": first.get("log_likelihood"),
        "log_likelihood_test_se": first.get("log_likelihood_se"),
        "estimator": first.get("estimator"),
        "samples_per_second": clocks["samples"] / seconds if seconds > 0 else None,
        "learning_rate": status.get("learning_rate"),
        "tuning_samples": status.get("tuning", {}).get("samples", 0),
        "model": spec.model.name,
        "decoder": spec.decoder,
        "pixels": status.get("pixels"),
        **{name: status.get(name) for name in ("jobs", "threads", "device")},
    }
