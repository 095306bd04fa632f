"""How far can the estimators be off?  Bounds from both sides on data that each model has drawn itself."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from bench.report import Table
from bench.reporting.tables import formatting
from bench.results.grid import cells, finite
from bench.statistics import intervals

if TYPE_CHECKING:
    from bench.results.frames import Results

EUBO, FORWARD = "EUBO (nats)", "KL(p(z|x) || q(z|x)) ± error over points (nats)"


class SimulatedBounds(Table):
    """Lower and upper bounds of log p(x) on simulated data, by bidirectional Monte Carlo.

    Their gap bounds the error of both on data drawn from the model itself.  Models cannot be ranked, since their data
    differ.  With an encoder, the exact posterior draws of simulated data give two more numbers: an upper bound,
    EUBO = E[log p(x, z) - log q(z|x)], and its distance from log p(x), which is the forward KL divergence of q from the
    posterior and penalises a q that is too narrow most.  Source: Wu et al. 2017; Ji & Shen 2019.
    """

    ends_run = True

    def table(self, results: Results) -> pd.DataFrame:
        """Means over seeds in nats per datapoint; the error of the gap is that of its mean over datapoints."""
        simulated = finite(results.likelihoods[results.likelihoods["split"] == "simulated"])
        rows = []
        for cell, seeds in cells(results.trials):
            of_cell = simulated[simulated["trial"].isin(seeds["trial"])]
            for estimator, estimates in of_cell.groupby("estimator", sort=False):
                rows.append({**cell._asdict(), "estimator": estimator, **_row(estimates)})
        return pd.DataFrame(rows)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded."""
        shown = pd.DataFrame([_shown(row) for _, row in table.iterrows()])
        return shown if table["eubo"].notna().any() else shown.drop(columns=[EUBO, FORWARD])


def _column(estimates: pd.DataFrame, name: str) -> pd.Series:
    """The column; missing in a run without any encoder, and in rows of models without one."""
    return estimates[name] if name in estimates else pd.Series(math.nan, estimates.index)


def _row(estimates: pd.DataFrame) -> dict[str, object]:
    return {
        "lower": float(intervals.mean(estimates["log_likelihood"])),
        "lower_se": float(intervals.error_of_mean(estimates["log_likelihood_se"])),
        "upper": float(intervals.mean(estimates["upper"])),
        "upper_se": float(intervals.error_of_mean(estimates["upper_se"])),
        "gap": float(intervals.mean(estimates["gap"])),
        "gap_se": float(intervals.error_of_mean(estimates["gap_se"])),
        **{name: float(intervals.mean(_column(estimates, name))) for name in ("eubo", "forward_kl")},
        "forward_kl_se": float(intervals.error_of_mean(_column(estimates, "forward_kl_se"))),
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
        EUBO: formatting.number(row["eubo"], 3),
        FORWARD: f"{formatting.number(row['forward_kl'], 3)} ± {formatting.error(row['forward_kl_se'])}"
        if math.isfinite(row["forward_kl"])
        else formatting.MISSING,
        "acceptance": formatting.number(row["acceptance"]),
        "seeds": str(row["seeds"]),
        "simulated points": formatting.count(row["num_points"]),
        "warnings": row["warnings"],
    }
