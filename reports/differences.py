"""Which algorithm is better, and how surely?"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.options import option
from bench.report import Table
from bench.reporting import pairs as pairing
from bench.reporting.captions import caveats
from bench.reporting.captions.scope import interval_scope
from bench.reporting.pairs import Pairs
from bench.reporting.tables import formatting
from bench.results import curves
from bench.results.grid import Place
from bench.statistics import paired

if TYPE_CHECKING:
    from bench.results.frames import Results

ALL = "all"


@dataclass(frozen=True)
class DifferencesOptions:
    """Options of `differences`."""

    reference: str = option("", "algorithm that the others are compared with  [default: every pair]")


class Differences(Table):
    """Paired differences of the log-likelihood of test data between algorithms, seed by seed.

    If all values per test point are there, the differences are taken by seed and by point, and the interval is over
    both; else it is over seeds alone, a bootstrap from 5 seeds on, Student's t below (docs/statistics.md says how often
    each covers).  P(better) is the probability that a seed of the one ends above a seed of the other.  The rows for all
    places are means over them, without those of older data or code.  Intervals are not adjusted for multiple
    comparisons.  Seeds that did not end well are counted, but excluded from the pairs.
    """

    Options = DifferencesOptions
    options: DifferencesOptions

    def table(self, results: Results) -> pd.DataFrame:
        """A row for each pair of algorithms at each place, and over all places if there are several; nats."""
        trials = caveats.with_values(results)
        names = list(dict.fromkeys(trials["algorithm"]))
        curves.check_reference(self.options.reference, names)
        rows = []
        for one, other in _pairs(names, self.options.reference):
            places = list(_places(results, trials, one, other))
            rows += [{**place._asdict(), **_row(one, other, [pairs], why)} for place, pairs, why in places]
            newest = [each for each in places if each[0].dataset not in results.older_datasets]
            if len(newest) > 1:
                obstacles = "; ".join(dict.fromkeys(why for *_, why in newest if why))
                whole = _row(one, other, [pairs for _, pairs, _ in newest], obstacles)
                rows.append({**dict.fromkeys(Place._fields, ALL), **whole})
        return pd.DataFrame(rows)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded, with a verdict in words."""
        return pd.DataFrame([_shown(row) for _, row in table.iterrows()])


def verdict(row: pd.Series) -> str:
    """In words: which algorithm is better, or why that is not known."""
    if row["obstacle"]:
        return f"not comparable: {row['obstacle']}"
    if not row["seeds"]:
        return "no pair of seeds has ended well"
    if math.isnan(row["low"]):
        return "too few seeds to say"
    if row["low"] > 0:
        return f"{row['algorithm']} is better"
    return f"{row['other']} is better" if row["high"] < 0 else "no evidence of a difference"


def _pairs(names: list[str], reference: str) -> Iterator[tuple[str, str]]:
    if reference:
        yield from ((name, reference) for name in names if name != reference)
    else:
        yield from combinations(names, 2)


def _places(results: Results, trials: pd.DataFrame, one: str, other: str) -> Iterator[tuple[Place, Pairs, str]]:
    """Each place at which both have seeds in common, in pairs, and what keeps them from comparison."""
    for key, at_place in trials.groupby(list(Place._fields), sort=False):
        both = at_place[at_place["algorithm"].isin([one, other])]
        pairs = pairing.paired(results, both, one, other)
        if len(pairs.mine) + pairs.num_left_out:
            yield Place._make(key), pairs, caveats.not_comparable(both)


def _row(one: str, other: str, places: list[Pairs], obstacle: str) -> dict[str, object]:
    whole = [pairs for pairs in places if len(pairs.mine)]
    gap = paired.difference([pairs.differences for pairs in whole])
    values = [(pairs.mine, pairs.theirs) for pairs in whole]
    low, high = paired.improvement_interval(values)
    data = pd.concat([pairs.data for pairs in whole]) if whole else pd.Series(dtype=object)
    return {
        "algorithm": one,
        "other": other,
        "difference": gap.mean,
        "low": gap.low,
        "high": gap.high,
        "method": gap.method,
        "interval_over": interval_scope(data, gap.num_points) if gap.method else "",
        "p_better": paired.probability_of_improvement(values),
        "p_better_low": low,
        "p_better_high": high,
        "seeds": gap.num_seeds,
        "num_points": gap.num_points,
        "seeds_not_counted": sum(pairs.num_left_out for pairs in places),
        "places": len(whole),
        "obstacle": obstacle,
    }


def _shown(row: pd.Series) -> dict[str, str]:
    interval = (
        f"{row['low']:+.2f} to {row['high']:+.2f} ({row['method']})" if np.isfinite(row["low"]) else "needs 2 seeds"
    )
    lost = f" ({row['seeds_not_counted']} not done)" if row["seeds_not_counted"] else ""
    known = np.isfinite(row["p_better_low"])
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "difference": f"{row['algorithm']} - {row['other']}",
        "nats": f"{row['difference']:+.2f}" if row["seeds"] else formatting.MISSING,
        "95 % interval": interval,
        "interval over": row["interval_over"] or formatting.MISSING,
        "P(better)": formatting.number(row["p_better"]),
        "its 95 % interval": f"{row['p_better_low']:.2f} to {row['p_better_high']:.2f}"
        if known
        else formatting.MISSING,
        "verdict": verdict(row),
        "pairs of seeds": f"{row['seeds']}{lost}",
    }
