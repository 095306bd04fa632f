"""A run read back as tidy pandas frames."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from bench.results.columns import (
    DIAGNOSIS_COLUMNS,
    DIAGNOSTIC_COLUMNS,
    LATENT_COLUMNS,
    LIKELIHOOD_COLUMNS,
    LIKELIHOOD_TRACE_COLUMNS,
    TEXTS,
    TRACE_COLUMNS,
    TRIAL_COLUMNS,
    values,
)
from bench.results.grid import Cell
from bench.results.rows import labels_of, likelihood_trace_row, trial_row
from bench.store.contents import Contents
from bench.store.records import DiagnosisRecord, TraceRow
from bench.store.run_folder import Store, StoredRun
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Labels
from bench.studies.study import Study

if TYPE_CHECKING:
    from bench.results.models import TrainedModel


class Entry(NamedTuple):
    """A trial in its folder, what is in there, and the columns that its rows begin with."""

    folder: TrialFolder
    contents: Contents
    labels: Labels


@dataclass(frozen=True)
class Results:
    """The results of a run folder, or of several, as pandas frames, each read on first use.

    ``trials`` has one row per trial, ``trace`` one per evaluation, ``diagnostics`` one per quantity that an algorithm
    reports at an evaluation, ``likelihoods`` one per estimate of log p(x), ``likelihood_trace`` one per estimate made
    during training, ``diagnosis`` one per diagnosed model, ``latents`` one per latent dimension of those.  All
    log-quantities are in nats per datapoint.  If two runs hold the same cell, the run's name follows that algorithm's
    everywhere.
    """

    path: Path
    others: tuple[Path, ...] = ()
    requested: tuple[Path, ...] = ()  # what the user named: these folders, or those that they are parts of
    trust: bool = False  # whether `models` may run the users' plugin files that the folders name

    @cached_property
    def study(self) -> Study:
        """The study of the first folder."""
        return self._runs[self.path].study

    @cached_property
    def damage(self) -> list[str]:
        """What is damaged or missing in these folders, in words: the numbers of those trials are left out."""
        several = len(self._runs) > 1
        return [f"{path}: {text}" if several else text for path, run in self._runs.items() for text in run.damage]

    @cached_property
    def _runs(self) -> dict[Path, StoredRun]:
        return {path: Store(path).read() for path in (self.path, *self.others)}

    @cached_property
    def _entries(self) -> list[Entry]:
        trials = [(path, trial) for path, run in self._runs.items() for trial in run.trials]
        homes: dict[Cell, set[Path]] = {}
        for path, trial in trials:
            homes.setdefault(_cell(trial.labels), set()).add(path)
        shared = {cell.algorithm for cell, paths in homes.items() if len(paths) > 1}
        names = folder_names((self.path, *self.others))
        return [
            Entry(
                trial.folder,
                trial.contents,
                labels_of(trial.labels, names[path] if trial.labels.algorithm in shared else ""),
            )
            for path, trial in trials
        ]

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial, regardless of its status."""
        return frame_of((trial_row(entry.labels, entry.contents) for entry in self._entries), TRIAL_COLUMNS)

    @cached_property
    def trace(self) -> pd.DataFrame:
        """One row per evaluation, in the order of samples."""
        return frame_of(({**vars(labels), **values(row)} for labels, row in self._trace_rows), TRACE_COLUMNS)

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """One row per evaluation and quantity that an algorithm reports of its updates: the mean since the last one."""
        rows = (
            {**vars(labels), "samples": row.samples, "updates": row.updates, "name": name, "value": value}
            for labels, row in self._trace_rows
            for name, value in row.diagnostics.items()
        )
        return frame_of(rows, DIAGNOSTIC_COLUMNS)

    @cached_property
    def likelihood_trace(self) -> pd.DataFrame:
        """One row per estimate of log p(x) that was made during training: each mark, estimator and split."""
        rows = (
            likelihood_trace_row(labels, row, estimate)
            for labels, row in self._trace_rows
            for estimate in row.estimates
        )
        return frame_of(rows, LIKELIHOOD_TRACE_COLUMNS)

    @cached_property
    def likelihoods(self) -> pd.DataFrame:
        """One row per estimate of log p(x): mean over the datapoints, and its Monte Carlo standard error."""
        rows = (
            {**vars(entry.labels), **values(estimate), **estimate.summary}
            for entry in self._entries
            for estimate in entry.contents.estimates
        )
        return frame_of(rows, LIKELIHOOD_COLUMNS)

    @cached_property
    def diagnosis(self) -> pd.DataFrame:
        """One row per diagnosed model: where it loses, and how many of its latent dimensions are active."""
        rows = ({**vars(labels), **values(diagnosis)} for labels, diagnosis in self._diagnoses)
        return frame_of(rows, DIAGNOSIS_COLUMNS)

    @cached_property
    def latents(self) -> pd.DataFrame:
        """One row per latent dimension of a diagnosed model, in descending order of KL divergence."""
        rows = (
            {**vars(labels), "dimension": i, **values(latent)}
            for labels, diagnosis in self._diagnoses
            for i, latent in enumerate(sorted(diagnosis.latents, key=lambda latent: -latent.kl))
        )
        return frame_of(rows, LATENT_COLUMNS)

    @cached_property
    def models(self) -> tuple[list[TrainedModel], dict[Cell, str]]:
        """A trained model for each cell, of its first seed that is done; and why the other cells have none."""
        from bench.results.models import load_models

        trials = [(vars(labels), contents, folder) for folder, contents, labels in self._entries]
        return load_models(trials, trust=self.trust)

    @cached_property
    def changed_since(self) -> dict[str, str]:
        """What has been edited since a trial ran, in words, by trial; trials whose code is as it was are left out."""
        from bench.execution.provenance import code_changes

        changes = {
            labels.trial: code_changes(contents.spec, contents.record.provenance, contents.estimates)
            for _, contents, labels in self._entries
            if contents.spec is not None
        }
        return {trial: ", ".join(changed) for trial, changed in changes.items() if changed}

    @cached_property
    def _trace_rows(self) -> list[tuple[Labels, TraceRow]]:
        return [(entry.labels, row) for entry in self._entries for row in entry.contents.trace]

    @cached_property
    def _diagnoses(self) -> list[tuple[Labels, DiagnosisRecord]]:
        read = ((entry.labels, entry.contents.diagnosis) for entry in self._entries)
        return [(labels, diagnosis) for labels, diagnosis in read if diagnosis is not None]


def folder_names(paths: Sequence[Path]) -> dict[Path, str]:
    """The name of each folder, or its path if two have the same name."""
    counts = Counter(path.resolve().name for path in paths)
    return {path: path.resolve().name if counts[path.resolve().name] == 1 else str(path) for path in paths}


def _cell(labels: Labels) -> Cell:
    return Cell(labels.dataset, labels.n_train, labels.z, labels.algorithm)


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
