"""Which algorithm is better over all data sets, latent sizes and numbers of training points together?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.options import option
from bench.report import Table
from bench.reporting.aggregate import overall
from bench.reporting.tables import formatting

if TYPE_CHECKING:
    from bench.results.frames import Results

STATISTICS = {"mean": "interquartile_mean", "improvement": "p_better", "rank": "rank"}


@dataclass(frozen=True)
class AggregateOptions:
    """Options of `aggregate`."""

    reference: str = option("", "algorithm whose mean is 0 at every place  [default: the average of all is]")


class Aggregate(Table):
    """The algorithms over all places together, best first: interquartile mean, probability of improvement, rank.

    A score is the log-likelihood of test data relative to the average of the algorithms at the same place, in nats per
    datapoint.  Nats are the same unit everywhere, but a data set on which algorithms differ more has more weight in the
    interquartile mean (over the middle half of all seeds; places have equal weight).  P(better), the probability that a
    seed ends above a seed of another algorithm at the same place, and the mean rank do not depend on units.  Seeds that
    failed, diverged or took too long count as worst; those that have not ended or were not estimated do not count.
    Only algorithms and places that can be compared everywhere are included.  Each interval has a level of 95 %, over
    seeds and test points (docs/statistics.md gives their coverage).  Source: Agarwal et al. 2021.
    """

    Options = AggregateOptions
    options: AggregateOptions
    essential = ("interquartile mean (nats)", "95 % interval")
    captioned = ("intervals over", "left out")

    def table(self, results: Results) -> pd.DataFrame:
        """One row per algorithm with scores at all places; intervals from fewer than two seeds are NaN."""
        scores = overall(results, self.options.reference)
        if scores is None:
            return pd.DataFrame()
        rows = []
        for i, name in enumerate(scores.algorithms):
            row: dict[str, object] = {"algorithm": name}
            for field, column in STATISTICS.items():
                estimate = getattr(scores.statistics, field)
                row |= {
                    column: estimate.values[i],
                    f"{column}_low": estimate.low[i],
                    f"{column}_high": estimate.high[i],
                }
            fates = scores.fates(name)
            rows.append(
                {
                    **row,
                    "places": len(scores.places),
                    "seeds": scores.num_done(name),
                    "not_done": ", ".join(fates.elements()),
                    "interval_over": scores.interval_over,
                    "left_out": " ".join(scores.left_out),
                }
            )
        return pd.DataFrame(rows).sort_values("rank", kind="stable", ignore_index=True)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded."""
        shown = pd.DataFrame([_shown(row) for _, row in table.iterrows()])
        return shown if shown["left out"].any() else shown.drop(columns="left out")


def _shown(row: pd.Series) -> dict[str, str]:
    return {
        "algorithm": row["algorithm"],
        "interquartile mean (nats)": _signed(row["interquartile_mean"]),
        "95 % interval": _interval(row, "interquartile_mean", "+.2f"),
        "P(better)": formatting.number(row["p_better"]),
        "its 95 % interval": _interval(row, "p_better", ".2f"),
        "mean rank": formatting.number(row["rank"]),
        "rank's 95 % interval": _interval(row, "rank", ".2f"),
        "trials": formatting.seeds_in_words(row["seeds"], row["not_done"].split(", ") if row["not_done"] else []),
        "places": str(row["places"]),
        "intervals over": row["interval_over"],
        "left out": row["left_out"],
    }


def _signed(value: float) -> str:
    return "-inf" if value == -math.inf else f"{value:+.2f}" if math.isfinite(value) else formatting.MISSING


def _interval(row: pd.Series, column: str, form: str) -> str:
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    return f"{low:{form}} to {high:{form}}" if math.isfinite(low) and math.isfinite(high) else formatting.MISSING
