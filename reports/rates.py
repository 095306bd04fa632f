"""Rates and distortions at a few points of the curve that `rate_distortion` draws."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.report import Table
from bench.reporting.tables import formatting
from bench.results.grid import cells
from bench.statistics import intervals

if TYPE_CHECKING:
    from bench.results.frames import Results

BETAS = (0.1, 0.5, 1.0)  # the nearest points of the curve are shown


class Rates(Table):
    """Rate and distortion of codes z from p(z) p(x|z)^beta, by annealing from the prior (``ais[start=prior]``).

    The rate KL(q || p(z)) is an upper bound.  `bench export RUN --what rate_distortion` gives all points.
    """

    def table(self, results: Results) -> pd.DataFrame:
        """Means over seeds in nats per datapoint, with Monte Carlo errors; empty without such an estimate."""
        every = results.rate_distortion
        rows = []
        for cell, of_cell in cells(every[every["split"] == "test"]):
            for estimator, curves in of_cell.groupby("estimator", sort=False):
                for beta in BETAS:
                    nearest = (curves["beta"] - beta).abs().groupby(curves["trial"], sort=False).idxmin()
                    rows.append({**cell._asdict(), "estimator": estimator, **_row(curves.loc[nearest])})
        return pd.DataFrame(rows)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded."""
        return pd.DataFrame([_shown(row) for _, row in table.iterrows()])


def _row(points: pd.DataFrame) -> dict[str, object]:
    means = {name: float(intervals.mean(points[name])) for name in ("beta", "rate", "distortion")}
    errors = {name: float(intervals.error_of_mean(points[name])) for name in ("rate_se", "distortion_se")}
    return {**means, **errors, "seeds": len(points)}


def _shown(row: pd.Series) -> dict[str, str]:
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "algorithm": row["algorithm"],
        "estimator": row["estimator"],
        "beta": f"{row['beta']:.3g}",
        "rate ± MC error (nats)": f"{formatting.number(row['rate'], 3)} ± {formatting.error(row['rate_se'])}",
        "distortion ± MC error (nats)": (
            f"{formatting.number(row['distortion'], 3)} ± {formatting.error(row['distortion_se'])}"
        ),
        "seeds": str(row["seeds"]),
    }
