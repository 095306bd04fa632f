"""How far can the estimators be off?  Bounds from both sides on data that each model has drawn itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.report import Table
from bench.reporting import tables
from bench.results.grid import cells, numbers
from bench.statistics import intervals

if TYPE_CHECKING:
    from bench.results.frames import Results


class SimulatedBounds(Table):
    """Lower and upper bounds of log p(x) on simulated data, by bidirectional Monte Carlo.

    Their gap bounds the error of both on data of the model's own; no ranking: each model judges other data.
    """

    ends_run = True

    def table(self, results: Results) -> pd.DataFrame:
        """Nats a datapoint, means over seeds; the error of the gap is that of its mean over datapoints."""
        simulated = results.likelihoods[results.likelihoods["split"] == "simulated"]
        rows = []
        for cell, seeds in cells(results.trials):
            own = simulated[simulated["trial"].isin(seeds["trial"])]
            for estimator, found in own.groupby("estimator", sort=False):
                rows.append({**cell._asdict(), "estimator": estimator, **_row(found)})
        return pd.DataFrame(rows)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded."""
        return pd.DataFrame([_shown(row) for _, row in table.iterrows()])


def _row(found: pd.DataFrame) -> dict[str, Any]:
    return {
        "lower": float(intervals.mean(numbers(found["log_likelihood"]))),
        "lower_se": float(intervals.error_of_mean(numbers(found["log_likelihood_se"]))),
        "upper": float(intervals.mean(numbers(found["upper"]))),
        "upper_se": float(intervals.error_of_mean(numbers(found["upper_se"]))),
        "gap": float(intervals.mean(numbers(found["gap"]))),
        "gap_se": float(intervals.error_of_mean(numbers(found["gap_se"]))),
        "acceptance": float(intervals.mean(numbers(found["acceptance"]))),
        "seeds": len(found),
        "num_points": numbers(found["num_points"]).max(),
        "warnings": tables.warnings(found["warnings"]),
    }


def _shown(row: pd.Series) -> dict[str, str]:
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "algorithm": row["algorithm"],
        "estimator": row["estimator"],
        "lower bound ± MC error (nats)": f"{tables.number(row['lower'], 3)} ± {tables.error(row['lower_se'])}",
        "upper bound ± MC error (nats)": f"{tables.number(row['upper'], 3)} ± {tables.error(row['upper_se'])}",
        "gap ± error over points (nats)": f"{tables.number(row['gap'], 3)} ± {tables.error(row['gap_se'])}",
        "acceptance": tables.number(row["acceptance"]),
        "seeds": str(row["seeds"]),
        "simulated points": tables.count(row["num_points"]),
        "warnings": row["warnings"],
    }
