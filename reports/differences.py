"""Which algorithm is better, and how surely?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from bench.cells import numbers
from bench.drawing import tables
from bench.measures import Place
from bench.options import option
from bench.report import Table
from bench.statistics import paired

if TYPE_CHECKING:
    from bench.results import Results

ALL = "all"


@dataclass(frozen=True)
class DifferencesOptions:
    """What can be set of `differences`."""

    reference: str = option("", "algorithm that the others are compared with  [default: every pair]")


class Differences(Table):
    """Paired differences of the log-likelihood of test data between algorithms, seed by seed.

    The interval is a bootstrap over seeds from 5 seeds on, Student's t below (docs/statistics.md says how often each
    covers).  P(better) is the probability that a seed of the one ends above a seed of the other.  The rows for all
    places are means over them.  Intervals are each by itself.
    """

    Options = DifferencesOptions
    options: DifferencesOptions

    def table(self, results: Results) -> pd.DataFrame:
        """A row for each pair of algorithms at each place, and over all places where there are several; nats."""
        done = results.trials[(results.trials["status"] == "done") & results.trials["log_likelihood_test"].notna()]
        values = done.assign(value=numbers(done["log_likelihood_test"]))
        names = list(dict.fromkeys(results.trials["algorithm"]))
        rows = []
        for one, other in _pairs(names, self.options.reference):
            places = list(_places(values, one, other))
            rows += [{**place._asdict(), **_row(one, other, [pair])} for place, pair in places]
            if len(places) > 1:
                whole = {**dict.fromkeys(Place._fields, ALL), **_row(one, other, [pair for _, pair in places])}
                rows.append(whole)
        return pd.DataFrame(rows)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded, with a verdict in words."""
        return pd.DataFrame([_shown(row) for _, row in table.iterrows()])


def verdict(row: pd.Series) -> str:
    """In words: who is better, or why that is not known."""
    if math.isnan(row["low"]):
        return "too few seeds to say"
    if row["low"] > 0:
        return f"{row['algorithm']} is better"
    return f"{row['other']} is better" if row["high"] < 0 else "no evidence of a difference"


def _pairs(names: list[str], reference: str) -> Iterator[tuple[str, str]]:
    if reference:
        yield from ((name, reference) for name in names if name != reference and reference in names)
    else:
        yield from combinations(names, 2)


def _places(values: pd.DataFrame, one: str, other: str) -> Iterator[tuple[Place, tuple[Any, Any]]]:
    """Each place where both have seeds in common, with their values [S] in the order of the seeds."""
    for key, here in values.groupby(list(Place._fields), sort=False):
        mine, theirs = (here[here["algorithm"] == name].set_index("seed")["value"] for name in (one, other))
        shared = mine.index.intersection(theirs.index).sort_values()
        if len(shared):
            yield Place._make(key), (mine[shared].to_numpy(), theirs[shared].to_numpy())


def _row(one: str, other: str, places: list[tuple[Any, Any]]) -> dict[str, Any]:
    found = paired.difference([mine - theirs for mine, theirs in places])
    low, high = paired.improvement_interval(places)
    return {
        "algorithm": one,
        "other": other,
        "difference": found.mean,
        "low": found.low,
        "high": found.high,
        "method": found.method,
        "p_better": paired.probability_of_improvement(places),
        "p_better_low": low,
        "p_better_high": high,
        "seeds": found.num_seeds,
        "places": len(places),
    }


def _shown(row: pd.Series) -> dict[str, str]:
    interval = (
        f"{row['low']:+.2f} to {row['high']:+.2f} ({row['method']})" if np.isfinite(row["low"]) else "needs 2 seeds"
    )
    known = np.isfinite(row["p_better_low"])
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "difference": f"{row['algorithm']} - {row['other']}",
        "nats": f"{row['difference']:+.2f}",
        "95 % interval": interval,
        "P(better)": f"{row['p_better']:.2f}",
        "its 95 % interval": f"{row['p_better_low']:.2f} to {row['p_better_high']:.2f}" if known else tables.MISSING,
        "verdict": verdict(row),
        "pairs of seeds": str(row["seeds"]),
    }
