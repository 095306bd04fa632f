"""A run read back as tidy pandas frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from bench.errors import PluginError
from bench.results.grid import Cell
from bench.store.run_folder import Store
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import TrialSpec
from bench.studies.study import Study

if TYPE_CHECKING:
    from bench.results.models import TrainedModel

TRIAL_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "status", "reason"),
    *("samples", "updates", "model_evaluations", "train_seconds", "eval_seconds", "elbo_train", "elbo_test"),
    *("log_likelihood_test", "log_likelihood_test_se", "estimator", "samples_per_second", "learning_rate"),
    *("tuning_samples", "model", "decoder", "pixels", "jobs", "threads", "device", "cpu_share", "budget"),
    *("machine", "processor", "python", "torch", "data"),
]
TRACE_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "samples", "updates", "model_evaluations"),
    *("train_seconds", "eval_seconds", "objective", "elbo_train", "elbo_test", "log_likelihood_train"),
    *("log_likelihood_train_se", "log_likelihood_test", "log_likelihood_test_se"),
]
DIAGNOSTIC_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "samples", "updates", "name", "value"),
]
LIKELIHOOD_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "estimator", "split", "num_points"),
    *("num_failed", "log_likelihood", "log_likelihood_se", "bias", "model_evaluations", "seconds", "samples"),
    *("warnings", "settings", "estimator_seed"),
]
LIKELIHOOD_TRACE_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "samples", "model_evaluations", "train_seconds"),
    *("estimator", "split", "num_points", "num_failed", "log_likelihood", "log_likelihood_se", "bias", "warnings"),
]
DIAGNOSIS_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "estimator", "num_gap_points", "log_likelihood"),
    *("best_bound", "bound", "approximation_gap", "approximation_gap_se", "amortisation_gap", "amortisation_gap_se"),
    *("active_units", "kl", "mutual_information", "local_active_units", "local_kl", "local_mutual_information"),
    *("num_states", "states_in_use", "collapse", "samples"),
]
LATENT_COLUMNS = [
    *("trial", "algorithm", "dataset", "z", "n_train", "seed", "dimension", "kl", "variance", "active"),
    *("local_kl", "local_variance", "local_active"),
]
TEXTS = [
    *("trial", "algorithm", "dataset", "status", "reason", "estimator", "split", "bias", "warnings", "settings"),
    *("name", "collapse", "model", "decoder", "pixels", "device", "machine", "processor", "python", "torch", "data"),
]
BY_DIMENSION = "_by_dimension"
DIAGNOSTICS = "diagnostics"  # of a row of the trace: what the algorithm tells of its updates, by name
ESTIMATES = "log_likelihoods"  # of a row of the trace: all estimates made at that mark


class Entry(NamedTuple):
    """A trial in its folder, and the columns that its rows begin with."""

    spec: TrialSpec
    folder: TrialFolder
    labels: dict[str, Any]


@dataclass(frozen=True)
class Results:
    """The results of a run folder, or of several, as frames, read when first asked for.

    ``trials`` has a row for each trial, ``trace`` one for each evaluation, ``likelihoods`` one for each estimate,
    ``diagnostics`` one for each quantity that an algorithm tells of itself at an evaluation,
    ``likelihood_trace`` one for each estimate made while training was under way,
    ``diagnosis`` one for each trial whose model was looked into, ``latents`` one for each of their latent dimensions.
    All log-quantities are nats a datapoint.  Where two runs hold the same cell, the run's name stands behind that
    algorithm's everywhere.
    """

    path: Path
    others: tuple[Path, ...] = ()
    given: tuple[Path, ...] = ()  # what the user named: these folders, or those that they are parts of

    @cached_property
    def study(self) -> Study:
        """What was asked for, in the first folder."""
        return Store(self.path).read_study()

    @cached_property
    def _entries(self) -> list[Entry]:
        found = [(path, *trial) for path in (self.path, *self.others) for trial in Store(path).trials()]
        homes: dict[Cell, set[Path]] = {}
        for path, spec, _ in found:
            homes.setdefault(_cell(spec), set()).add(path)
        shared = {cell.algorithm for cell, paths in homes.items() if len(paths) > 1}
        names = folder_names((self.path, *self.others))
        return [
            Entry(spec, folder, _labels(spec, names[path] if spec.algorithm.name in shared else ""))
            for path, spec, folder in found
        ]

    @cached_property
    def trials(self) -> pd.DataFrame:
        """A row a trial, whatever became of it."""
        return frame_of([_trial_row(entry) for entry in self._entries], TRIAL_COLUMNS)

    @cached_property
    def trace(self) -> pd.DataFrame:
        """A row an evaluation, in the order of samples."""
        rows = [
            {**labels, **{name: value for name, value in row.items() if name not in (ESTIMATES, DIAGNOSTICS)}}
            for labels, row in self._trace_rows
        ]
        return frame_of(rows, TRACE_COLUMNS)

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """A row a quantity that an algorithm tells of its updates: the mean since the evaluation mark before."""
        rows = [
            {**labels, "samples": row["samples"], "updates": row["updates"], "name": name, "value": value}
            for labels, row in self._trace_rows
            for name, value in row.get(DIAGNOSTICS, {}).items()
        ]
        return frame_of(rows, DIAGNOSTIC_COLUMNS)

    @cached_property
    def likelihood_trace(self) -> pd.DataFrame:
        """A row an estimate of log p(x) made on the way, of each estimator and split, with the trial's clocks."""
        clocks = ("samples", "model_evaluations", "train_seconds")
        rows = [
            {**labels, **estimate, **{name: row[name] for name in clocks}}
            for labels, row in self._trace_rows
            for estimate in row.get(ESTIMATES, ())
        ]
        return frame_of(rows, LIKELIHOOD_TRACE_COLUMNS)

    @cached_property
    def likelihoods(self) -> pd.DataFrame:
        """A row an estimate of log p(x): mean over the datapoints, and its Monte Carlo standard error."""
        rows = [{**entry.labels, **row} for entry in self._entries for row in entry.folder.read_likelihoods()]
        return frame_of(rows, LIKELIHOOD_COLUMNS)

    @cached_property
    def diagnosis(self) -> pd.DataFrame:
        """A row a model: where it loses, and how many of its latent dimensions are active."""
        rows = [
            {**labels, **{k: v for k, v in row.items() if not k.endswith(BY_DIMENSION)}}
            for labels, row in self._diagnoses
        ]
        return frame_of(rows, DIAGNOSIS_COLUMNS)

    @cached_property
    def latents(self) -> pd.DataFrame:
        """A row a latent dimension of a model, from the one that carries most to the one that carries least."""
        return frame_of(
            [row for labels, found in self._diagnoses for row in _latent_rows(labels, found)], LATENT_COLUMNS
        )

    @cached_property
    def models(self) -> tuple[list[TrainedModel], dict[Cell, str]]:
        """A trained model for each cell, of its first seed that is done; and of the other cells why they have none."""
        from bench.results.models import load_models

        return load_models([(entry.labels, entry.spec, entry.folder) for entry in self._entries])

    @cached_property
    def changed_since(self) -> dict[str, str]:
        """What has changed since a trial ran, in words, by trial: its plugins, the harness; only where anything has."""
        from bench.execution.provenance import code_hashes

        found = {}
        for spec, folder, labels in self._entries:
            made_by = folder.read_status().get("provenance", {})
            try:
                changed = [name for name, now in code_hashes(spec).items() if made_by and made_by.get(name) != now]
            except PluginError:
                changed = ["a plugin's file is gone"]
            if changed:
                found[labels["trial"]] = ", ".join(changed)
        return found

    @cached_property
    def _trace_rows(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [(entry.labels, row) for entry in self._entries for row in entry.folder.read_trace()]

    @cached_property
    def _diagnoses(self) -> list[tuple[dict[str, Any], dict[str, Any]]]:
        return [(entry.labels, found) for entry in self._entries if (found := entry.folder.read_diagnosis())]


def folder_names(paths: Sequence[Path]) -> dict[Path, str]:
    """What each folder is called: by its name, or by its path where two are of one name."""
    counts = Counter(path.resolve().name for path in paths)
    return {path: path.resolve().name if counts[path.resolve().name] == 1 else str(path) for path in paths}


def _cell(spec: TrialSpec) -> Cell:
    return Cell(spec.dataset.name, spec.n_train, spec.z, spec.algorithm.name)


def _labels(spec: TrialSpec, run: str) -> dict[str, Any]:
    """The trial's own, with the name of its ``run`` where another run has the same algorithm at the same place."""
    labels = spec.labels()
    if run:
        labels |= {"trial": f"{run}/{labels['trial']}", "algorithm": f"{labels['algorithm']} ({run})"}
    return labels


def _latent_rows(labels: dict[str, Any], found: dict[str, Any]) -> list[dict[str, Any]]:
    by_dimension = {k.removesuffix(BY_DIMENSION): v for k, v in found.items() if k.endswith(BY_DIMENSION)}
    rows = [dict(zip(by_dimension, values, strict=True)) for values in zip(*by_dimension.values(), strict=True)]
    rows.sort(key=lambda row: -row["kl"])
    return [{**labels, "dimension": i, **row} for i, row in enumerate(rows)]


def frame_of(rows: list[dict[str, Any]], columns: list[str]) -> pd.DataFrame:
    """The rows as a frame that has the promised columns even if no row fills them, each with its type.

    Texts are objects; everything else is a number, int64 if all are whole and none is missing, else float64.
    """
    frame = pd.DataFrame(rows)
    extra = [name for name in frame.columns if name not in columns]
    frame = frame.reindex(columns=[*columns, *extra])
    for name in frame.columns.difference(TEXTS):
        frame[name] = pd.to_numeric(frame[name], errors="coerce") if len(frame) else frame[name].astype(float)
    return frame


def _trial_row(entry: Entry) -> dict[str, Any]:
    spec, folder, labels = entry
    status, trace, likelihoods = folder.read_status(), folder.read_trace(), folder.read_likelihoods()
    last = trace[-1] if trace else {}
    first = next((row for row in likelihoods if row["split"] == "test"), {})
    whole = not first.get("num_failed")  # a mean over some of the points cannot stand beside one over all
    clocks = status.get("clocks", {})
    seconds = clocks.get("train_seconds", 0.0) - status.get("tuning", {}).get("seconds", 0.0)
    return {
        **labels,
        "status": status.get("status", "waiting"),
        "reason": status.get("reason", ""),
        **{
            name: clocks.get(name)
            for name in ("samples", "updates", "model_evaluations", "train_seconds", "eval_seconds")
        },
        "elbo_train": last.get("elbo_train"),
        "elbo_test": last.get("elbo_test"),
        "log_likelihood_test": first.get("log_likelihood") if whole else None,
        "log_likelihood_test_se": first.get("log_likelihood_se") if whole else None,
        "estimator": first.get("estimator"),
        "samples_per_second": clocks["samples"] / seconds if seconds > 0 else None,
        "learning_rate": status.get("learning_rate"),
        "tuning_samples": status.get("tuning", {}).get("samples", 0),
        "model": spec.model.name,
        "decoder": spec.decoder.name,
        "pixels": status.get("pixels"),
        **{name: status.get(name) for name in ("jobs", "threads", "device", "cpu_share", "budget")},
        **{
            name: status.get("provenance", {}).get(name) for name in ("machine", "processor", "python", "torch", "data")
        },
    }
