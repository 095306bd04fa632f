"""How fast does each algorithm learn?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd

from bench.options import option
from bench.report import Table
from bench.reporting.captions.scope import interval_scope
from bench.reporting.tables import formatting
from bench.results import curves
from bench.results.curves import CLOCKS
from bench.results.grid import Cell, Place, finite
from bench.statistics import bootstrap, intervals

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.results.frames import Results

BOUND_INTERVAL = "its 95 % interval (nats)"
HEADINGS = {"samples": "samples", "model_evaluations": "model evaluations", "train_seconds": "seconds"}


@dataclass(frozen=True)
class ConvergenceOptions:
    """Options of `convergence`."""

    target: float | Literal["auto"] = option(
        "auto",
        "test bound to reach; auto is 95 % of the way to where the weakest algorithm of a place ends",
        unit="nats",
    )
    reference: str = option("", "algorithm that speed-ups are over  [default: the first that has a bound]")


class Convergence(Table):
    """How fast each algorithm learns, from the test bound: time to a common target, mean height of its curve.

    Times are medians over all seeds; a seed that never reaches the target, or did not end well, counts as infinite.  A
    speed-up is the reference's median time divided by the algorithm's on one of the three clocks, with a 95 % bootstrap
    interval over seeds if there are at least 5.  The mean bound is the area under the curve over the last two decades
    of samples, with Student's t interval.  Algorithms without an encoder have no bound and are left out.
    """

    Options = ConvergenceOptions
    options: ConvergenceOptions
    essential = ("mean bound (nats)", BOUND_INTERVAL)
    captioned = ("intervals over",)

    def table(self, results: Results) -> pd.DataFrame:
        """Times on the three clocks, in samples, evaluations and seconds; bounds in nats per datapoint."""
        curves.check_reference(self.options.reference, results.trials["algorithm"].unique())
        aims = curves.targets(results)
        if self.options.target != "auto":
            aims = dict.fromkeys(aims, float(self.options.target))
        times = {clock: curves.times(results, clock, aims) for clock in CLOCKS}
        heights, data = curves.heights(results), results.trials.set_index("trial")["data"]
        rows = []
        for key, seeds in times["samples"].groupby(list(Cell._fields), sort=False):
            cell = Cell._make(key)
            if seeds["time"].notna().any():
                mine = {clock: each.loc[seeds.index, "time"].to_numpy() for clock, each in times.items()}
                row = _row(aims.get(cell.place, math.nan), mine, heights[seeds["trial"]])
                rows.append({**cell._asdict(), **row, "interval_over": interval_scope(data[seeds["trial"]], 0)})
        return _with_speed_ups(pd.DataFrame(rows), times, self.options.reference)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded, with the range of the seeds."""
        shown = pd.DataFrame([_shown(row) for _, row in table.iterrows()])
        unknown = [name for name in (BOUND_INTERVAL, "intervals over") if (shown[name] == formatting.MISSING).all()]
        return shown.drop(columns=unknown)


def _row(target: float, times: dict[str, NDArray[np.float64]], heights: pd.Series) -> dict[str, object]:
    row: dict[str, object] = {"target": target}
    for clock, values in times.items():
        row |= {clock: float(_median(values)), f"{clock}_low": values.min(), f"{clock}_high": values.max()}
    known = finite(heights).dropna()
    low, high = intervals.mean_interval(known)
    return {
        **row,
        "mean_bound": float(intervals.mean(known)),
        "mean_bound_low": float(low),
        "mean_bound_high": float(high),
        "seeds": len(heights),
        "never": int(np.isinf(times["samples"]).sum()),
    }


def _with_speed_ups(table: pd.DataFrame, times: dict[str, pd.DataFrame], reference: str) -> pd.DataFrame:
    """Columns ``reference``, and for each clock ``speed_up_CLOCK`` with its interval ``_low`` and ``_high``."""
    if table.empty:
        return table
    by_cell = {
        clock: {
            Cell._make(key): seeds["time"].to_numpy() for key, seeds in each.groupby(list(Cell._fields), sort=False)
        }
        for clock, each in times.items()
    }
    rows = []
    for _, row in table.iterrows():
        name = reference or str(table.loc[_same_place(table, row), "algorithm"].iloc[0])
        place = Place(*row[list(Place._fields)])
        speed_ups: dict[str, object] = {"reference": name}
        for clock, cells_ in by_cell.items():
            mine, other = (cells_.get(Cell(*place, who)) for who in (row["algorithm"], name))
            ratio, low, high = (math.nan, math.nan, math.nan)
            if other is not None and mine is not None and name != row["algorithm"]:
                ratio = float(_ratio([other[None], mine[None]])[0])
                low, high = bootstrap.interval([other, mine], _ratio)
            speed_ups |= {f"speed_up_{clock}": ratio, f"speed_up_{clock}_low": low, f"speed_up_{clock}_high": high}
        rows.append(speed_ups)
    return pd.concat([table, pd.DataFrame(rows, index=table.index)], axis=1)


def _same_place(table: pd.DataFrame, row: pd.Series) -> pd.Series:
    return (table[list(Place._fields)] == row[list(Place._fields)]).all(axis=1)


def _ratio(strata: Sequence[NDArray[np.float64]]) -> NDArray[np.float64]:
    """The ratio of the medians: [B, S] and [B, T] -> [B]; NaN if neither is finite."""
    with np.errstate(invalid="ignore"):
        reference, median = (_median(values, axis=1) for values in strata)
        ratio: NDArray[np.float64] = np.asarray(reference / median, dtype=np.float64)
    return ratio


def _median(values: NDArray[np.float64], axis: int | None = None) -> NDArray[np.float64]:
    """A median without interpolation, which would give NaN between two infinite values."""
    median: NDArray[np.float64] = np.asarray(np.quantile(values, 0.5, axis=axis, method="inverted_cdf"))
    return median


def _shown(row: pd.Series) -> dict[str, str]:
    shown = {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "algorithm": row["algorithm"],
        "target (nats)": formatting.number(row["target"]),
    }
    for clock, heading in HEADINGS.items():
        shown[f"{heading} to target"] = formatting.with_range(row[clock], row[f"{clock}_low"], row[f"{clock}_high"])
    for clock, heading in HEADINGS.items():
        shown[f"speed-up in {heading}"] = _speed_up(row, f"speed_up_{clock}")
    shown["mean bound (nats)"] = formatting.number(row["mean_bound"])
    shown[BOUND_INTERVAL] = formatting.interval(row["mean_bound_low"], row["mean_bound_high"])
    known = [row["mean_bound_low"], *(row[f"speed_up_{clock}_low"] for clock in HEADINGS)]
    shown["intervals over"] = row["interval_over"] if np.isfinite(known).any() else formatting.MISSING
    fates = f" ({row['never']} never)" if row["never"] else ""
    return {**shown, "seeds": f"{row['seeds']}{fates}"}


def _speed_up(row: pd.Series, name: str) -> str:
    """``x 2.50 (1.90 to 3.10)``, the factor alone if there are too few seeds for an interval."""
    if row["reference"] == row["algorithm"]:
        return "reference"
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    interval = "" if math.isnan(low) else f" ({formatting.factor(low, '')} to {formatting.factor(high, '')})"
    return f"{formatting.factor(row[name])}{interval}"
