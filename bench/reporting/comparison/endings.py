"""Seeds that do not end well: they are counted, since the means over the other seeds hide them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from bench.reporting.comparison import obstacles
from bench.reporting.comparison.sides import Side
from bench.reporting.comparison.verdict import Row, Rules, Verdict
from bench.results.grid import Cell
from bench.store.records import Status

MEASURE = "seeds that end well"
ENDED = [status for status in Status if status.has_ended]


def rows(cell: Cell, old: Side, fresh: Side, rules: Rules) -> list[Row]:
    """Rows on the seeds of a cell that did not end well, or have not ended, in BASE (``old``) and NEW (``fresh``).

    More of them in NEW are worse if BASE had none, if they are among the seeds that both runs have, or if Fisher's
    exact test is significant.  The first two conditions are not tests: a diverged seed is a fact, not an estimate.
    """
    if all(len(side.done) == len(side.trials) and not side.any_point_missing for side in (old, fresh)):
        return []
    waiting = [sorted(side.trials.loc[~side.trials["status"].isin(ENDED), "seed"]) for side in (old, fresh)]
    estimated = not obstacles.in_estimation(old, fresh)
    one, other = (_fates(side, estimated) for side in (old, fresh))
    well = [int((fates == "").sum()) for fates in (one, other)]
    row = Row(cell, MEASURE, "seeds", base=well[0], new=well[1], seeds_base=len(one), seeds_new=len(other))
    made = [
        replace(row, verdict="not comparable", why=f"{_listed(seeds)} of {name} did not finish")
        for name, seeds in zip(("BASE", "NEW"), waiting, strict=True)
        if seeds
    ]
    if len(one) and len(other) and (any(one != "") or any(other != "")):
        made.append(_with_verdict(row, one, other, old, fresh, rules))
    return made


def _with_verdict(row: Row, one: pd.Series, other: pd.Series, old: Side, fresh: Side, rules: Rules) -> Row:
    why = f"{_summary(other)} in NEW, {_summary(one)} in BASE"
    timing = obstacles.in_timing(old, fresh, rules.timings)
    verdict = _verdict(one, other, rules.false_alarms)
    if not row.base and not row.new:
        return replace(row, verdict="not comparable", why=f"no seed ended well in either run: {why}")
    if verdict != "no evidence" and timing:
        # How long a seed takes depends on the machine: does the verdict hold without those that took too long?
        patient, others = (fates.mask(fates == Status.TIMEOUT, "") for fates in (one, other))
        if _verdict(patient, others, rules.false_alarms) != verdict:
            return replace(row, verdict="not comparable", why=f"{why}; {timing}")
    return replace(row, verdict=verdict, why=why)


def _verdict(one: pd.Series, other: pd.Series, rate: float) -> Verdict:
    if _more(one, other, rate):
        return "worse"
    return "better" if _more(other, one, rate) else "no evidence"


def _more(one: pd.Series, other: pd.Series, rate: float) -> bool:
    """Whether more seeds of ``other`` do not end well than of ``one``, and that is not the luck of other seeds."""
    from scipy.stats import fisher_exact

    bad, worse = int((one != "").sum()), int((other != "").sum())
    if worse * len(one) <= bad * len(other):
        return False
    shared = one.index.intersection(other.index)
    if bad == 0 or int((other[shared] != "").sum()) > int((one[shared] != "").sum()):
        return True
    table = [[worse, len(other) - worse], [bad, len(one) - bad]]
    return float(fisher_exact(table, alternative="greater")[1]) <= rate


def _fates(side: Side, estimated: bool) -> pd.Series:
    """The statuses of the seeds that have ended, by seed: empty if all is well.

    If the log-likelihoods of both runs can be compared (``estimated``), a test point without an estimate counts too.
    """
    ended = side.trials[side.trials["status"].isin(ENDED)]
    fates = dict(zip(ended["trial"], ended["status"].where(ended["status"] != Status.DONE, ""), strict=True))
    if estimated:
        for _, row in side.estimates[side.estimates["num_failed"] > 0].iterrows():
            fates[row["trial"]] = f"no log p(x) of {row['num_failed']:.0f} of {row['num_points']:.0f} points"
    return pd.Series([*fates.values()], index=ended["seed"].to_numpy(), dtype=str)


def _summary(fates: pd.Series) -> str:
    """``2 of 5 (seeds 1, 3: diverged)``."""
    bad = fates[fates != ""]
    kinds = [f"{_listed([*seeds.index])}: {fate}" for fate, seeds in bad.groupby(bad, sort=False)]
    return f"{len(bad)} of {len(fates)}" + (f" ({'; '.join(kinds)})" if kinds else "")


def _listed(seeds: list[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
