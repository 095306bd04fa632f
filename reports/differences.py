"""Which algorithm is better, and how surely?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.options import option
from bench.report import Table
from bench.reporting.captions import caveats
from bench.reporting.captions.scope import interval_scope
from bench.reporting.contrasts import RATE, Contrast, contrasts
from bench.reporting.tables import formatting
from bench.results.grid import Place
from bench.statistics import paired

if TYPE_CHECKING:
    from bench.results.frames import Results

ALL = "all"
OF_P_BETTER = "its 95 % interval, over seeds"
OPTIONAL = ("tuned differently", "simultaneous 95 % interval", OF_P_BETTER, "interval over")  # if a row has it


@dataclass(frozen=True)
class DifferencesOptions:
    """Options of `differences`."""

    reference: str = option("", "algorithm that the others are compared with  [default: every pair]")


class Differences(Table):
    """Paired differences of the log-likelihood of test data between algorithms, seed by seed.

    If the values of all test points are available, the differences are taken per seed and test point, and the interval
    covers the variation of both; otherwise it covers that of seeds alone (Student's t; docs/statistics.md gives the
    coverage of each).  All rows are one family of tests: the probability of any false verdict among them is at most 5 %
    (Holm's adjusted p), and the simultaneous intervals contain all true differences with a joint probability of 95 %
    (Bonferroni).  Holm's test is more powerful than these intervals: once a comparison is decided, the next one is
    corrected for fewer comparisons.  An algorithm can therefore be better although its simultaneous interval contains
    0.  The other interval is that of a row by itself.  P(better) is the probability that a seed of the one algorithm
    ends above a seed of the other.  The rows for all places are means over them, without places of older data or code.
    Seeds that did not end well are counted, but excluded from the pairs.  If the two algorithms were not tuned in the
    same way, which may explain the difference, the row shows how they were tuned.  If the run has a reference, the
    reference's algorithms are compared with those of the run, but not with each other; `bench report` of the reference
    does that.
    """

    Options = DifferencesOptions
    options: DifferencesOptions
    essential = ("nats", "verdict", "adjusted p", "simultaneous 95 % interval", "95 % interval")
    captioned = ("interval over", "tuned differently")

    def table(self, results: Results) -> pd.DataFrame:
        """A row for each pair of algorithms at each place, and over all places if there are several; nats."""
        differ = bool(caveats.ways_of_tuning(results.trials))
        return pd.DataFrame(
            [
                {**_row(each), "tuned_differently": caveats.ways_of_tuning(_trials(results, each)) if differ else ""}
                for each in contrasts(results, self.options.reference)
                if each.num_references < 2
            ]
        )

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded, with a verdict in words."""
        shown = pd.DataFrame([_shown(row) for _, row in table.iterrows()])
        unknown = [name for name in OPTIONAL if (shown[name] == formatting.MISSING).all()]
        return shown.drop(columns=unknown)


def verdict(row: pd.Series) -> str:
    """Return which algorithm is better, or why this is not known."""
    if row["obstacle"]:
        return f"not comparable: {row['obstacle']}"
    if not row["seeds"]:
        return "no pair of seeds has ended well"
    if math.isnan(row["p_adjusted"]):
        return "too few seeds to say"
    if row["significant"]:
        better = f"{row['algorithm' if row['difference'] > 0 else 'other']} is better"
        contains_0 = row["simultaneous_low"] <= 0 <= row["simultaneous_high"]
        return f"{better} (by Holm's test, which finds more than the simultaneous interval)" if contains_0 else better
    alone = f", though it has p = {formatting.p_value(row['p'])} by itself" if row["p"] <= RATE else ""
    return f"no evidence of a difference{alone}"


def _trials(results: Results, contrast: Contrast) -> pd.DataFrame:
    """The trials of both algorithms, at the place of the contrast or at all places."""
    trials = results.trials[results.trials["algorithm"].isin([contrast.one, contrast.other])]
    place = contrast.place
    return trials if place is None else trials[(trials[list(Place._fields)] == list(place)).all(axis=1)]


def _row(contrast: Contrast) -> dict[str, object]:
    whole = [pairs for pairs in contrast.pairs if len(pairs.mine)]
    gap, together = contrast.gap, contrast.together
    values = [(pairs.mine, pairs.theirs) for pairs in whole]
    low, high = paired.improvement_interval(values)
    data = pd.concat([pairs.data for pairs in whole]) if whole else pd.Series(dtype=object)
    return {
        **(contrast.place._asdict() if contrast.place else dict.fromkeys(Place._fields, ALL)),
        "algorithm": contrast.one,
        "other": contrast.other,
        "difference": gap.mean,
        "low": gap.low,
        "high": gap.high,
        "method": gap.method,
        "interval_over": interval_scope(data, gap.num_points) if gap.method else "",
        "p": gap.p,
        "p_adjusted": contrast.adjusted_p,
        "simultaneous_low": together.low if together else math.nan,
        "simultaneous_high": together.high if together else math.nan,
        "comparisons": contrast.num_tests,
        "significant": contrast.significant,
        "p_better": paired.probability_of_improvement(values),
        "p_better_low": low,
        "p_better_high": high,
        "seeds": gap.num_seeds,
        "num_points": gap.num_points,
        "seeds_not_counted": sum(pairs.num_left_out for pairs in contrast.pairs),
        "places": len(whole),
        "obstacle": contrast.obstacle,
    }


def _shown(row: pd.Series) -> dict[str, str]:
    interval = (
        f"{row['low']:+.2f} to {row['high']:+.2f} ({row['method']})" if np.isfinite(row["low"]) else "needs 2 seeds"
    )
    together = [row["simultaneous_low"], row["simultaneous_high"]]
    lost = f" ({row['seeds_not_counted']} not done)" if row["seeds_not_counted"] else ""
    known = np.isfinite(row["p_better_low"])
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "difference": f"{row['algorithm']} - {row['other']}",
        "nats": f"{row['difference']:+.2f}" if row["seeds"] else formatting.MISSING,
        "verdict": verdict(row),
        "tuned differently": row["tuned_differently"] or formatting.MISSING,
        "adjusted p": formatting.p_value(row["p_adjusted"]),
        "simultaneous 95 % interval": "{:+.2f} to {:+.2f}".format(*together)
        if np.isfinite(together).all()
        else formatting.MISSING,
        "95 % interval": interval,
        "interval over": row["interval_over"] or formatting.MISSING,
        "P(better)": formatting.number(row["p_better"]),
        OF_P_BETTER: f"{row['p_better_low']:.2f} to {row['p_better_high']:.2f}" if known else formatting.MISSING,
        "comparisons": str(row["comparisons"]),
        "pairs of seeds": f"{row['seeds']}{lost}",
    }
