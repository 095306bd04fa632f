"""A run read back as tidy pandas frames."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.errors import Damaged
from bench.results.columns import (
    DIAGNOSIS_COLUMNS,
    DIAGNOSTIC_COLUMNS,
    HYPERPARAMETER_COLUMNS,
    LATENT_COLUMNS,
    LIKELIHOOD_COLUMNS,
    LIKELIHOOD_TRACE_COLUMNS,
    RATE_COLUMNS,
    TRACE_COLUMNS,
    TRIAL_COLUMNS,
    TUNING_COLUMNS,
    frame_of,
    values,
)
from bench.results.entries import Entry, entries
from bench.results.grid import Cell, cells
from bench.results.references import Compared, Source, sources
from bench.results.rows import hyperparameter_rows, likelihood_trace_row, trial_row, tuning_rows
from bench.results.versions import Version, versions
from bench.store.records import DiagnosisRecord, TraceRow
from bench.store.trial_folder import TrialFolder
from bench.studies.spec import Labels
from bench.studies.study import Study

if TYPE_CHECKING:
    from bench.results.models import TrainedModel


@dataclass(frozen=True)
class Results:
    """The results of a run folder, or of several, as pandas frames, each read on first use.

    ``trials`` has one row per trial, ``trace`` one per evaluation, ``diagnostics`` one per quantity that an algorithm
    reports at an evaluation, ``likelihoods`` one per estimate of log p(x), ``likelihood_trace`` one per estimate made
    during training, ``diagnosis`` one per diagnosed model, ``latents`` one per latent dimension of these models,
    ``tuning`` one per trial, candidate for its hyperparameters and tuning round, ``rate_distortion`` one per point of a
    rate-distortion curve.  All log-quantities are in nats per datapoint.

    If two runs hold the same cell, the run's name is appended to the name of its algorithm everywhere.  Trials that
    were made with older data or code than others of their cell have a different name of the data set or algorithm,
    unless ``mix_stale`` is true.

    Trials of the reference runs that the folders are compared with come last.  The reference's name is in the column
    ``reference`` and is appended to the names of their algorithms, and their seconds are NaN.  If budgets differ, all
    numbers of the run and of its references are those after ``compared_at`` training samples.
    """

    path: Path
    others: tuple[Path, ...] = ()
    requested: tuple[Path, ...] = ()  # the folders that the user named: these folders, or their parents
    trust: bool = False  # whether `models` may run the users' plugin files that the folders name
    mix_stale: bool = False  # whether trials of older data or code belong to the same cells as the others
    alone: bool = False  # whether reference runs are left out

    @cached_property
    def study(self) -> Study:
        """The study of the first folder."""
        return self._runs[0].run.study

    @cached_property
    def damage(self) -> list[str]:
        """Messages about damaged and missing files in these folders; the numbers of those trials are left out."""
        several = len(self._runs) > 1 or any(run.references for run in self._runs)
        return [f"{path}: {text}" if several else text for run in self._runs for path, text in run.damage()]

    @property
    def without_references(self) -> Results:
        """These results without reference runs, up to the end of training."""
        return replace(self, alone=True)

    @cached_property
    def compared_at(self) -> tuple[int, ...]:
        """The numbers of training samples after which runs are compared with references that have other budgets."""
        return tuple(dict.fromkeys(run.mark for run in self._runs if run.mark is not None))

    @cached_property
    def _runs(self) -> list[Compared]:
        return [Compared.read(path, alone=self.alone) for path in (self.path, *self.others)]

    @cached_property
    def _sources(self) -> list[Source]:
        return sources(self._runs)

    @cached_property
    def older_datasets(self) -> frozenset[str]:
        """The names of data sets listed separately because other trials used a newer version of them, or newer code.

        No mean over several places may combine these with others.
        """
        return frozenset(
            each.labels.dataset for each in self._versions if each.is_of_older_place and not self.mix_stale
        )

    @cached_property
    def _versions(self) -> list[Version]:
        return versions([(each.path, each.trial) for each in self._sources])

    @cached_property
    def _entries(self) -> list[Entry]:
        return entries((self.path, *self.others), self._sources, self._versions, mix_stale=self.mix_stale)

    @cached_property
    def trials(self) -> pd.DataFrame:
        """One row per trial, regardless of its status; ``stale`` describes what has changed since it ran."""
        rows = (
            {
                **trial_row(entry.labels, entry.contents),
                "stale": self.changed_since.get(entry.labels.trial, ""),
                "reference": entry.reference,
            }
            for entry in self._entries
        )
        return frame_of(rows, TRIAL_COLUMNS)

    @cached_property
    def cells(self) -> list[tuple[Cell, pd.DataFrame]]:
        """Each cell with its trials: see `grid.cells`."""
        return [*cells(self.trials)]

    @cached_property
    def tuning(self) -> pd.DataFrame:
        """One row per trial, candidate for its open hyperparameters and round; the same for all seeds of a cell.

        ``last_round`` tells whether it is the candidate's last round.
        """
        rows = (row for entry in self._entries for row in tuning_rows(entry.labels, entry.contents))
        return frame_of(rows, TUNING_COLUMNS)

    @cached_property
    def hyperparameters(self) -> pd.DataFrame:
        """One row per trial and hyperparameter: its ``setting``, as written on the command line.

        ``family`` is the algorithm's name without this hyperparameter; ``chosen`` tells whether tuning has set it.
        """
        rows = (row for entry in self._entries for row in hyperparameter_rows(entry.labels, entry.contents))
        return frame_of(rows, HYPERPARAMETER_COLUMNS)

    @cached_property
    def trace(self) -> pd.DataFrame:
        """One row per evaluation, in the order of samples."""
        return frame_of(({**vars(labels), **values(row)} for labels, row in self._trace_rows), TRACE_COLUMNS)

    @cached_property
    def diagnostics(self) -> pd.DataFrame:
        """One row per evaluation and reported quantity of the updates: its mean since the previous evaluation."""
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
    def rate_distortion(self) -> pd.DataFrame:
        """One row per point of a rate-distortion curve, as computed by `ais[start=prior]`."""
        rows = (
            {**vars(entry.labels), "estimator": estimate.estimator, "split": estimate.split, **values(point)}
            for entry in self._entries
            for estimate in entry.contents.estimates
            for point in estimate.curve or ()
        )
        return frame_of(rows, RATE_COLUMNS)

    def by_point(self, trials: Iterable[str], estimator: str) -> NDArray[np.float64] | None:
        """log p(x) of the test points by an estimator in each of these trials: [S, N], in nats.

        None if a trial has no such estimate for all its points, or if the numbers of points differ.
        """
        rows = [self._log_likelihoods.get((trial, estimator)) for trial in trials]
        read = [None if row is None else row() for row in rows]
        values = [each for each in read if each is not None and np.isfinite(each).all()]
        whole = values and len(values) == len(read) and len({*map(len, values)}) == 1
        return np.stack(values) if whole else None

    @cached_property
    def _log_likelihoods(self) -> dict[tuple[str, str], Callable[[], NDArray[np.float64] | None]]:
        """Functions that read the values per test point, by trial and estimator."""
        return {
            (entry.labels.trial, each.estimator): cache(partial(_by_point, entry.folder, each.estimator))
            for entry in self._entries
            for each in entry.contents.estimates
            if each.split == "test" and not entry.is_cut
        }

    @cached_property
    def diagnosis(self) -> pd.DataFrame:
        """One row per diagnosed model: the sources of its losses, and how many of its latent dimensions are active."""
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
        """A trained model for each cell, from its first completed seed; and why the other cells have none."""
        from bench.results.models import load_models

        entries = [(vars(each.labels), each.contents, each.folder) for each in self._entries if not each.reference]
        models, missing = load_models(entries, trust=self.trust)
        kept = {each.cell: "a reference has no weights" for each in self._entries if each.reference}
        return models, {**missing, **kept}

    @cached_property
    def changed_since(self) -> dict[str, str]:
        """The changes since each trial ran, in words, by trial: ``data, algorithm``; unchanged trials are left out.

        Data are not loaded: they have changed if other trials used newer ones, or if the last `bench run` detected it.
        """
        of_code: dict[Hashable, list[str]] = {}  # the same for most trials
        changes = {entry.labels.trial: entry.changes(of_code) for entry in self._entries}
        return {trial: ", ".join(changed) for trial, changed in changes.items() if changed}

    @cached_property
    def derived(self) -> dict[Hashable, object]:
        """A cache of values derived from these results that several reports need, keyed by what they are."""
        return {}

    @cached_property
    def _trace_rows(self) -> list[tuple[Labels, TraceRow]]:
        return [(entry.labels, row) for entry in self._entries for row in entry.contents.trace]

    @cached_property
    def _diagnoses(self) -> list[tuple[Labels, DiagnosisRecord]]:
        read = ((entry.labels, entry.contents.diagnosis) for entry in self._entries)
        return [(labels, diagnosis) for labels, diagnosis in read if diagnosis is not None]


def _by_point(folder: TrialFolder, estimator: str) -> NDArray[np.float64] | None:
    """None if the file has gone or been changed since its record was read."""
    try:
        return folder.read_log_likelihoods(estimator, "test")
    except (Damaged, KeyError):
        return None
