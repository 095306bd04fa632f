"""The main table: how good is the model that each algorithm has learned?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from bench.report import Table
from bench.reporting.captions.scope import interval_scope
from bench.reporting.tables import formatting
from bench.results.grid import Cell, cells, done, finite
from bench.statistics import crossed, intervals
from bench.store.records import Status

if TYPE_CHECKING:
    from bench.results.frames import Results


class LogLikelihood(Table):
    """Log-likelihood of test data, with three errors: of seeds, test points and Monte Carlo.

    The values are those at the end of training or, if runs with different budgets are compared, those at the last mark
    that all of them have passed, which is given in the column of samples.  There is one row per algorithm, latent size
    and estimator.  The spread over seeds is their standard deviation; the other two errors are standard errors of the
    mean.  The interval of the mean is over seeds and test points (docs/statistics.md gives its coverage).  Seeds that
    did not end well are excluded from the mean and listed.
    """

    ends_run = True
    essential = (
        *("mean log p(x) (nats)", "95 % interval of the mean", "sd over seeds (nats)", "test-point error (nats)"),
        "MC error (nats)",
    )
    captioned = ("bias", "interval over", "pixels", "tuned by")

    def table(self, results: Results) -> pd.DataFrame:
        """All log-quantities are nats per datapoint; NaN if no seed is done."""
        estimates = finite(results.likelihoods[results.likelihoods["split"] == "test"])
        return pd.DataFrame(
            [
                {
                    **cell._asdict(),
                    "estimator": estimator,
                    **_row(results, seeds, estimates[estimates["estimator"] == estimator], estimator),
                }
                for cell, seeds in cells(finite(results.trials))
                for estimator in _estimators(estimates, cell)
            ]
        )

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded, with a column for each kind of error; the most important first, for narrow terminals."""
        shown = pd.DataFrame([_shown(row) for _, row in table.iterrows()])
        return shown if shown["warnings"].any() else shown.drop(columns="warnings")


def _estimators(estimates: pd.DataFrame, cell: Cell) -> list[str]:
    """The estimators of all algorithms at the cell's place, so that one whose seeds all failed still has its rows."""
    at_place = estimates[[*Cell._fields[:3]]] == [*cell[:3]]
    used = set(estimates.loc[at_place.all(axis=1), "estimator"])
    every = list(estimates["estimator"].unique())
    return [name for name in every if name in used] or every or [""]


def _row(results: Results, seeds: pd.DataFrame, estimates: pd.DataFrame, estimator: str) -> dict[str, object]:
    """The numbers of one algorithm by one estimator, over the seeds that are done and estimated."""
    ended_well = done(seeds)
    rows = estimates[estimates["trial"].isin(ended_well["trial"])].drop_duplicates("trial", keep="last")
    counted = rows[rows["log_likelihood"].notna() & (rows["num_failed"].fillna(0) == 0)]
    values = counted["log_likelihood"]
    by_point = results.by_point(counted["trial"], estimator) if counted["points"].nunique() == 1 else None
    low, high = intervals.mean_interval(values) if by_point is None else crossed.mean_interval(by_point)
    data = ended_well.loc[ended_well["trial"].isin(counted["trial"]), "data"]
    not_counted = [_fate(seed, rows) for _, seed in seeds[~seeds["trial"].isin(counted["trial"])].iterrows()]
    return {
        "bias": _texts(rows["bias"]),
        "log_likelihood": float(intervals.mean(values)),
        "log_likelihood_sd": float(intervals.spread(values)),
        "log_likelihood_low": float(low),
        "log_likelihood_high": float(high),
        "interval_over": interval_scope(data, 0 if by_point is None else by_point.shape[1]) if len(counted) > 1 else "",
        "log_likelihood_points_se": math.nan if by_point is None else crossed.points_error(by_point),
        "log_likelihood_se": float(intervals.error_of_mean(counted["log_likelihood_se"])),
        "seeds": len(counted),
        "seeds_not_counted": len(not_counted),
        "not_counted": ", ".join(not_counted),
        "elbo_test": float(intervals.mean(ended_well["elbo_test"])),
        "elbo_train": float(intervals.mean(ended_well["elbo_train"])),
        "samples_min": float(ended_well["samples"].min()),
        "samples_max": float(ended_well["samples"].max()),
        "num_points": float(rows["num_points"].max()),
        "pixels": _texts(seeds["pixels"]),
        "tune": _texts(seeds["tune"]),
        "chosen": _texts(seeds["chosen"]),
        "warnings": formatting.warnings(rows["warnings"]),
    }


def _fate(seed: pd.Series, rows: pd.DataFrame) -> str:
    """Why a seed does not count."""
    if seed["status"] != Status.DONE:
        return str(seed["status"])
    failed = rows.loc[rows["trial"] == seed["trial"], "num_failed"]
    if failed.empty:
        return "not estimated"
    return f"{int(failed.iloc[0])} points without estimate" if failed.iloc[0] > 0 else "not finite"


def _texts(column: pd.Series) -> str:
    """The distinct texts, each once."""
    return "; ".join(text for text in column.dropna().map(str).unique() if text)


def _shown(row: pd.Series) -> dict[str, str]:
    interval = f"{formatting.number(row['log_likelihood_low'])} to {formatting.number(row['log_likelihood_high'])}"
    samples = [formatting.count(row[name]) for name in ("samples_min", "samples_max")]
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "algorithm": row["algorithm"],
        "estimator": row["estimator"] or formatting.MISSING,
        "mean log p(x) (nats)": formatting.number(row["log_likelihood"]),
        "95 % interval of the mean": interval if row["seeds"] > 1 else "needs 2 seeds",
        "seeds": formatting.seeds_in_words(row["seeds"], row["not_counted"].split(", ") if row["not_counted"] else []),
        "sd over seeds (nats)": formatting.spread(row["log_likelihood_sd"]),
        "test-point error (nats)": formatting.error(row["log_likelihood_points_se"]),
        "MC error (nats)": formatting.error(row["log_likelihood_se"]),
        "bias": row["bias"] or formatting.MISSING,
        "test bound (nats)": formatting.number(row["elbo_test"]),
        "train bound (nats)": formatting.number(row["elbo_train"]),
        "samples": samples[0] if samples[0] == samples[1] else " to ".join(samples),
        "test points": formatting.count(row["num_points"]),
        "interval over": row["interval_over"] or formatting.MISSING,
        "pixels": row["pixels"] or formatting.MISSING,
        "tuned by": row["tune"] or formatting.MISSING,
        "warnings": row["warnings"],
    }
