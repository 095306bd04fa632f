"""One cell in one of the two runs that are compared, and what several tests of it need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import pandas as pd

from bench.results.grid import Cell, done

if TYPE_CHECKING:
    from bench.results.frames import Results


@dataclass(frozen=True)
class Side:
    """A cell in one of the runs: all its trials, and the estimates of log p(x) of those that are done."""

    results: Results
    trials: pd.DataFrame
    estimates: pd.DataFrame  # those that the log-likelihoods come from: one row per trial that is done and has any
    _texts: dict[str, frozenset[str]] = field(default_factory=dict)

    @cached_property
    def done(self) -> pd.DataFrame:
        """The trials that ended well."""
        return done(self.trials)

    @cached_property
    def any_point_missing(self) -> bool:
        """Whether an estimate lacks the value of a test point."""
        return bool((self.estimates["num_failed"].to_numpy(dtype=float) > 0).any())

    @cached_property
    def points(self) -> dict[int, str]:
        """The checksum of the points of each seed's estimate; empty if they are not known."""
        checksums = zip(self.estimates["seed"], self.estimates["points"], strict=True)
        return {seed: str(checksum) if pd.notna(checksum) else "" for seed, checksum in checksums}

    @cached_property
    def estimators(self) -> set[str]:
        """The estimators with their options and numbers of points, in words."""
        estimates = zip(self.estimates["estimator"], self.estimates["num_points"], strict=True)
        return {f"{estimator} on {int(num_points)} points" for estimator, num_points in estimates}

    @cached_property
    def seeds(self) -> set[int]:
        """The seeds of all trials."""
        return set(self.trials["seed"])

    def texts(self, column: str) -> frozenset[str]:
        """The different values in a column of the trials, as texts, without missing ones."""
        if column not in self._texts:
            self._texts[column] = frozenset(_text(each) for each in set(self.trials[column]) if pd.notna(each))
        return self._texts[column]

    def by_seed(self, by_trial: Mapping[str, float]) -> dict[int, float]:
        """The values of the seeds that are done and have one, which may be infinite."""
        values = ((seed, by_trial.get(trial)) for trial, seed in self._done)
        return {seed: float(value) for seed, value in values if value is not None and pd.notna(value)}

    @cached_property
    def _done(self) -> list[tuple[str, int]]:
        return [*zip(self.done["trial"], self.done["seed"], strict=True)]


def sides(results: Results) -> dict[Cell, Side]:
    """Each cell of a run, in the order of `cells`."""
    estimates = results.likelihoods
    estimates = estimates[estimates["split"] == "test"].drop_duplicates("trial")
    return {
        cell: Side(results, trials, estimates[estimates["trial"].isin(done(trials)["trial"])])
        for cell, trials in results.cells
    }


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
