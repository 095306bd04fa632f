"""Synthetic results: frames with the promised columns, in which every number is known."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from bench.results import grid
from bench.results.columns import (
    LIKELIHOOD_COLUMNS,
    LIKELIHOOD_TRACE_COLUMNS,
    TRACE_COLUMNS,
    TRIAL_COLUMNS,
    TUNING_COLUMNS,
    frame_of,
)


class FakeResults(SimpleNamespace):
    """Frames that a test may replace; cells are those of the present trials."""

    @property
    def cells(self) -> list[Any]:
        """See `Results.cells`."""
        return [*grid.cells(self.trials)]

    @property
    def tuning(self) -> pd.DataFrame:
        """See `Results.tuning`: nothing was tuned."""
        return frame_of([], TUNING_COLUMNS)


class Rows:
    """Collects trials and makes results from them."""

    def __init__(self) -> None:
        self.trials: list[dict[str, Any]] = []
        self.trace: list[dict[str, Any]] = []
        self.likelihoods: list[dict[str, Any]] = []
        self.likelihood_trace: list[dict[str, Any]] = []
        self.changed_since: dict[str, str] = {}
        self.by_point: dict[tuple[str, str], Any] = {}  # [N] by trial and estimator

    def add(
        self,
        algorithm: str = "aevb",
        seed: int = 0,
        *,
        z: int = 3,
        n_train: int = 1000,
        dataset: str = "digits",
        status: str = "done",
        likelihoods: dict[str, float] | None = None,
        se: float = 0.01,
        bound: Iterable[tuple[float, float]] = (),
        on_the_way: Iterable[tuple[float, float]] = (),
        seconds_a_sample: float = 0.001,
        encoder: bool = True,
        warnings: str = "",
    ) -> None:
        """A trial; ``bound`` are (samples, test bound), the training bound lies half a nat above.

        ``on_the_way`` are (samples, log-likelihood of test data) by each of the estimators, of training data 2 above.
        """
        key = {"algorithm": algorithm, "dataset": dataset, "z": z, "n_train": n_train, "seed": seed}
        key = {"trial": "/".join(map(str, key.values())), **key}
        marks = [
            {
                "samples": samples,
                "train_seconds": samples * seconds_a_sample,
                "model_evaluations": 2 * samples,
                **({"elbo_test": y, "elbo_train": y + 0.5} if encoder else {}),
            }
            for samples, y in bound
        ]
        found = likelihoods or {}
        first = next(iter(found), None)
        head = {"estimator": first, "log_likelihood_test": found.get(first), "log_likelihood_test_se": se}
        last = marks[-1] if marks else {}
        self.trials.append({**key, "status": status, "pixels": "grey values", **last, **(head if found else {})})
        self.trace += [{**key, **mark} for mark in marks]
        bias = {"importance": "lower", "hmc": "upward"}
        rows = {"split": "test", "num_points": 360, "log_likelihood_se": se, "warnings": warnings}
        self.likelihoods += [
            {**key, **rows, "estimator": name, "bias": bias.get(name, "lower"), "log_likelihood": value}
            for name, value in found.items()
        ]
        self.likelihood_trace += [
            {**key, **rows, "estimator": name, "bias": bias[name], "split": split, "log_likelihood": y + above}
            | {"samples": samples, "train_seconds": samples * seconds_a_sample, "model_evaluations": 2 * samples}
            for name in found
            for samples, y in on_the_way
            for split, above in (("train", 2), ("test", 0))
        ]

    def results(self) -> Any:
        """The argument of a report."""
        return FakeResults(
            derived={},
            path=Path("run"),
            requested=(),
            trials=frame_of(self.trials, TRIAL_COLUMNS),
            trace=frame_of(self.trace, TRACE_COLUMNS),
            likelihoods=frame_of(self.likelihoods, LIKELIHOOD_COLUMNS),
            likelihood_trace=frame_of(self.likelihood_trace, LIKELIHOOD_TRACE_COLUMNS),
            changed_since=self.changed_since,
            mix_stale=False,
            older_datasets=frozenset(),
            damage=[],
            by_point=self._by_point,
        )

    def _by_point(self, trials: Iterable[str], estimator: str) -> Any:
        keys = [(trial, estimator) for trial in trials]
        return np.stack([self.by_point[key] for key in keys]) if self.by_point.keys() >= {*keys} else None


@pytest.fixture
def rows() -> Rows:
    return Rows()
