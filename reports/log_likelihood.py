"""The main table: how good is the model that each algorithm has learned?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report import Table
from bench.reporting import tables
from bench.results.grid import Cell, cells, numbers
from bench.statistics import intervals

if TYPE_CHECKING:
    from bench.results.frames import Results


class LogLikelihood(Table):
    """Log-likelihood of test data at the end of training, with the spread over seeds and the Monte Carlo error apart.

    A row for each algorithm, latent size and estimator.  Seeds that did not end well count in no mean and are named.
    """

    ends_run = True

    def table(self, results: Results) -> pd.DataFrame:
        """All log-quantities are nats a datapoint; NaN where no seed is done."""
        estimates = results.likelihoods[results.likelihoods["split"] == "test"]
        return pd.DataFrame(
            [
                {
                    **cell._asdict(),
                    "estimator": estimator,
                    **_row(seeds, estimates[estimates["estimator"] == estimator]),
                }
                for cell, seeds in cells(results.trials)
                for estimator in _estimators(estimates, cell)
            ]
        )

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded; the spread over seeds and the Monte Carlo error in columns that say which is which."""
        shown = pd.DataFrame([_shown(row) for _, row in table.iterrows()])
        return shown if shown["warnings"].any() else shown.drop(columns="warnings")


def _estimators(estimates: pd.DataFrame, cell: Cell) -> list[str]:
    """Those used in the cell's place by any algorithm, so that one whose seeds all failed still has its rows."""
    here = estimates[[*Cell._fields[:3]]] == [*cell[:3]]
    used = set(estimates.loc[here.all(axis=1), "estimator"])
    every = list(estimates["estimator"].unique())
    return [name for name in every if name in used] or every or [""]


def _row(seeds: pd.DataFrame, estimates: pd.DataFrame) -> dict[str, Any]:
    """The numbers of one algorithm by one estimator, over the seeds that are done and estimated."""
    done = seeds[seeds["status"] == "done"]
    own = estimates[estimates["trial"].isin(done["trial"])].drop_duplicates("trial", keep="last")
    counted = own[numbers(own["log_likelihood"]).notna() & (numbers(own["num_failed"]).fillna(0) == 0)]
    values = numbers(counted["log_likelihood"])
    low, high = intervals.mean_interval(values)
    not_counted = [_fate(seed, own) for _, seed in seeds.iterrows() if seed["trial"] not in set(counted["trial"])]
    return {
        "bias": _texts(own["bias"]),
        "log_likelihood": float(intervals.mean(values)),
        "log_likelihood_sd": float(intervals.spread(values)),
        "log_likelihood_low": float(low),
        "log_likelihood_high": float(high),
        "log_likelihood_se": float(intervals.error_of_mean(numbers(counted["log_likelihood_se"]))),
        "seeds": len(counted),
        "seeds_not_counted": len(not_counted),
        "not_counted": ", ".join(not_counted),
        "elbo_test": float(intervals.mean(numbers(done["elbo_test"]))),
        "elbo_train": float(intervals.mean(numbers(done["elbo_train"]))),
        "samples_min": numbers(done["samples"]).min(),
        "samples_max": numbers(done["samples"]).max(),
        "num_points": numbers(own["num_points"]).max(),
        "pixels": _texts(seeds["pixels"]),
        "warnings": tables.warnings(own["warnings"]),
    }


def _fate(seed: pd.Series, own: pd.DataFrame) -> str:
    """Why a seed does not count."""
    if seed["status"] != "done":
        return str(seed["status"])
    failed = own.loc[own["trial"] == seed["trial"], "num_failed"]
    if failed.empty:
        return "not estimated"
    return f"{int(failed.iloc[0])} points without estimate" if numbers(failed).iloc[0] > 0 else "not finite"


def _texts(column: pd.Series) -> str:
    """Every different text once."""
    return "; ".join(text for text in column.dropna().map(str).unique() if text)


def _shown(row: pd.Series) -> dict[str, str]:
    interval = f"{tables.number(row['log_likelihood_low'])} to {tables.number(row['log_likelihood_high'])}"
    samples = [tables.count(row[name]) for name in ("samples_min", "samples_max")]
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "algorithm": row["algorithm"],
        "estimator": row["estimator"] or tables.MISSING,
        "test points": tables.count(row["num_points"]),
        "bias": row["bias"] or tables.MISSING,
        "log-likelihood ± sd over seeds (nats)": tables.with_spread(row["log_likelihood"], row["log_likelihood_sd"]),
        "MC error (nats)": tables.error(row["log_likelihood_se"]),
        "seeds": tables.seeds_in_words(row["seeds"], row["not_counted"].split(", ") if row["not_counted"] else []),
        "95 % interval of the mean": interval if row["seeds"] > 1 else "needs 2 seeds",
        "test bound (nats)": tables.number(row["elbo_test"]),
        "train bound (nats)": tables.number(row["elbo_train"]),
        "samples": samples[0] if samples[0] == samples[1] else " to ".join(samples),
        "pixels": row["pixels"] or tables.MISSING,
        "warnings": row["warnings"],
    }
