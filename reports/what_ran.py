"""What ran, where, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.report import Table
from bench.reporting.tables import formatting

if TYPE_CHECKING:
    from bench.results.frames import Results

COLUMNS = [
    *("dataset", "n_train", "z", "algorithm", "seed", "status", "reason", "samples", "train_seconds", "eval_seconds"),
    *("learning_rate", "tune", "chosen", "model", "decoder", "pixels", "device", "threads", "jobs", "cpu_share"),
    *("machine", "processor", "python", "torch", "data_version", "trial"),
]
HEADINGS = {
    "dataset": "data set",
    "n_train": "training points",
    "train_seconds": "training (s)",
    "eval_seconds": "evaluation (s)",
    "learning_rate": "step size",
    "cpu_share": "share of its cores",
}


class WhatRan(Table):
    """Every trial with how it ended, on which machine and versions, and what has changed since: its data, its code."""

    printed = False

    def table(self, results: Results) -> pd.DataFrame:
        """One row per trial, regardless of status; ``changed_since`` describes what has changed since it ran.

        Trials with the same ``data_version`` used the same data set, apart from what depends on the seed.
        """
        trials = results.trials
        if trials.empty:
            return pd.DataFrame()
        stale = [results.changed_since.get(trial, "") for trial in trials["trial"]]
        return trials[COLUMNS].assign(changed_since=stale).dropna(axis="columns", how="all")

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table with headings in words."""
        shown = table.copy()
        for name in shown.columns.intersection(["train_seconds", "eval_seconds", "cpu_share"]):
            shown[name] = shown[name].map(lambda value: formatting.number(float(value)))
        for name in shown.columns.intersection(["samples"]):
            shown[name] = shown[name].map(lambda value: formatting.count(float(value)))
        for name in shown.columns.intersection(["data_version"]):
            shown[name] = shown[name].str[:8]
        shown = shown.rename(columns={**{name: name.replace("_", " ") for name in shown.columns}, **HEADINGS})
        return shown.astype(object).where(shown.notna(), formatting.MISSING).map(str)
