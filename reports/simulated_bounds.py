"""How far can the estimators be off?  Bounds from both sides on data that each model has drawn itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.report import Table
from bench.reporting.tables import formatting
from bench.results.grid import cells, finite
from bench.statistics import intervals

if TYPE_CHECKING:
    from bench.results.frames import Results


class SimulatedBounds(Table):
    """Lower and upper bounds of log p(x) on simulated data, by bidirectional Monte Carlo.

    Their gap bounds the error of both on data drawn from the model itself; models cannot be ranked, since their data
    differ.
    """

    ends_run = True

    def table(self, results: Results) -> pd.DataFrame:
        """Nats per datapoint, means over seeds; the error of the gap is that of its mean over datapoints."""
        simulated = finite(results.likelihoods[results.likelihoods["split"] == "simulated"])
        rows = []
        for cell, seeds in cells(results.trials):
            of_cell = simulated[simulated["trial"].isin(seeds["trial"])]
            for estimator, estimates in of_cell.groupby("estimator", sort=False):
                rows.append({**cell._asdict(), "estimator": estimator, **_row(estimates)})
        return pd.DataFrame(rows)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded."""
        return pd.DataFrame([_shown(row) for _, row in table.iterrows()])


def _row(estimates: pd.DataFrame) -> dict[str, object]:
    return {
        "lower": float(intervals.mean(estimates["log_likelihood"])),
        "lower_se": float(intervals.error_of_mean(estimates["log_likelihood_se"])),
        "upper": float(intervals.mean(estimates["upper"])),
        "upper_se": float(intervals.error_of_mean(estimates["upper_se"])),
        "gap": float(intervals.mean(estimates["gap"])),
        "gap_se": float(intervals.error_of_mean(estimates["gap_se"])),
        "acceptance": float(intervals.mean(estimates["acceptance"])),
        "seeds": len(estimates),
        "num_points": float(estimates["num_points"].max()),
        "warnings": formatting.warnings(estimates["warnings"]),
    }


def _shown(row: pd.Series) -> dict[str, str]:
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "algorithm": row["algorithm"],
        "estimator": row["estimator"],
        "lower bound ± MC error (nats)": f"{formatting.number(row['lower'], 3)} ± {formatting.error(row['lower_se'])}",
        "upper bound ± MC error (nats)": f"{formatting.number(row['upper'], 3)} ± {formatting.error(row['upper_se'])}",
        "gap ± error over points (nats)": f"{formatting.number(row['gap'], 3)} ± {formatting.error(row['gap_se'])}",
        "acceptance": formatting.number(row["acceptance"]),
        "seeds": str(row["seeds"]),
        "simulated points": formatting.count(row["num_points"]),
        "warnings": row["warnings"],
    }
