"""The comparison: every cell that either run has, every measure that it has.

A cell is judged only where both runs measured the same thing.  Seeds are compared in pairs where both runs have the
same.  The rate of false alarms is for the comparison as a whole: four fifths of it are spent on the log-likelihoods,
the rest on all else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench import measures
from bench.cells import Cell, cells
from bench.comparison import obstacles
from bench.comparison.measure import LOG_LIKELIHOOD, OTHERS, Measure
from bench.comparison.verdict import Row, Rules, Verdict, judged
from bench.measures import Place
from bench.statistics import moderated
from bench.statistics.paired import probability_of_improvement

if TYPE_CHECKING:
    from bench.results import Results

LIKELIHOOD_SHARE = 0.8

# A cell in both runs, with its trials in each.
Pair = tuple[Cell, pd.DataFrame, pd.DataFrame]


@dataclass(frozen=True)
class Comparison:
    """All rows, in the order of cells and measures; the rules; the target of each place, set by BASE."""

    rows: tuple[Row, ...]
    rules: Rules
    targets: Mapping[Place, float]

    def of(self, *verdicts: Verdict) -> list[Row]:
        """The rows with one of these verdicts."""
        return [row for row in self.rows if row.verdict in verdicts]


def compare(base: Results, new: Results, rules: Rules | None = None) -> Comparison:
    """Judge every cell; nothing is left out: what cannot be judged is a row that says why."""
    rules, targets = rules or Rules(), measures.targets(base)
    old, fresh = dict(cells(base.trials)), dict(cells(new.trials))
    every = [*old, *(cell for cell in fresh if cell not in old)]
    shared = [(cell, old[cell], fresh[cell]) for cell in old if cell in fresh]
    barred = {cell: reason for cell, one, other in shared if (reason := obstacles.in_training(one, other))}
    both = [pair for pair in shared if pair[0] not in barred]
    alone = [cell for cell in every if (cell in old) != (cell in fresh)]
    rows = [Row(cell, "all", verdict="missing", why=f"only in {'BASE' if cell in old else 'NEW'}") for cell in alone]
    rows += [Row(cell, "all", verdict="not comparable", why=reason) for cell, reason in barred.items()]
    rows += [row for pair in shared for row in _endings(*pair)]
    for family, share in (((LOG_LIKELIHOOD,), LIKELIHOOD_SHARE), (OTHERS, 1 - LIKELIHOOD_SHARE)):
        rows += _judge(family, share * rules.false_alarms, base, new, both, targets, rules)
    order = {cell: i for i, cell in enumerate(every)}
    return Comparison(tuple(sorted(rows, key=lambda row: order[row.cell])), rules, targets)


def _endings(cell: Cell, old: pd.DataFrame, fresh: pd.DataFrame) -> Iterator[Row]:
    """A row where a seed that ended well in BASE did not in NEW: no mean would show it."""
    well = [trials.loc[trials["status"] == "done", "seed"] for trials in (old, fresh)]
    lost = fresh[fresh["seed"].isin(well[0]) & (fresh["status"] != "done")]
    row = Row(
        cell, "seeds that end well", "seeds", len(well[0]), len(well[1]), seeds_base=len(old), seeds_new=len(fresh)
    )
    if len(lost):
        fates = ", ".join(f"seed {seed} {status}" for seed, status in zip(lost["seed"], lost["status"], strict=True))
        yield replace(row, verdict="worse", why=f"ended well in BASE, not in NEW: {fates}")
    elif not (len(well[0]) and len(well[1])):
        yield replace(row, verdict="not comparable", why=f"no seed is done in {'NEW' if len(well[0]) else 'BASE'}")


def _judge(
    family: Sequence[Measure],
    rate: float,
    base: Results,
    new: Results,
    pairs: Sequence[Pair],
    targets: Mapping[Place, float],
    rules: Rules,
) -> list[Row]:
    """The rows of one family, with its own rate of false alarms."""
    found: list[tuple[Measure, Row]] = []
    for measure in family:
        found += [(measure, row) for row in _measured(measure, base, new, pairs, targets, rules)]
    tested = [i for i, (_, row) in enumerate(found) if math.isfinite(row.p)]
    real = dict(zip(tested, moderated.holm([found[i][1].p for i in tested], rate), strict=True))
    return [judged(row, measure, rules, significant=bool(real.get(i, False))) for i, (measure, row) in enumerate(found)]


def _measured(
    measure: Measure,
    base: Results,
    new: Results,
    pairs: Sequence[Pair],
    targets: Mapping[Place, float],
    rules: Rules,
) -> list[Row]:
    """A row for each cell that has the measure, with a p-value where it can be judged."""
    values = measure.values(base, targets), measure.values(new, targets)
    rows: list[Row] = []
    samples: dict[int, moderated.Sample] = {}
    for cell, old, fresh in pairs:
        one, other = _by_seed(old, values[0]), _by_seed(fresh, values[1])
        if not (len(one) and len(other)):
            continue  # an algorithm without a bound; seeds that are not done have a row of their own
        row = Row(cell, measure.name, measure.unit, seeds_base=len(one), seeds_new=len(other))
        row = replace(row, paired=set(old["seed"]) == set(fresh["seed"]))
        if row.paired:
            shared = one.index.intersection(other.index)
            one, other = one[shared], other[shared]
        obstacle = ""
        if measure is LOG_LIKELIHOOD:
            obstacle = obstacles.in_estimation(base, new, old, fresh)
        elif measure.timing:
            obstacle = obstacles.in_timing(old, fresh, rules.timings)
        row, sample = _sampled(row, one, other, obstacle)
        if sample is not None:
            samples[len(rows)] = sample
        rows.append(row)
    for i, found in zip(samples, moderated.judge(list(samples.values())), strict=True):
        ends = np.array([found.difference, *found.interval()])
        change, low, high = map(float, np.exp(ends) if measure.unit == "ratio" else ends)
        rows[i] = replace(rows[i], change=change, low=low, high=high, p=found.p)
    return rows


def _sampled(row: Row, one: pd.Series, other: pd.Series, obstacle: str) -> tuple[Row, moderated.Sample | None]:
    """The row with its means, and what its difference is to be judged by; None where there is nothing to judge."""
    a, b = (np.log(values) if row.unit == "ratio" else values for values in (one, other))
    means = [float(values.mean()) for values in (a, b)]
    change = means[1] - means[0] if all(map(math.isfinite, means)) else math.nan
    if row.unit == "ratio":
        *means, change = (float(np.exp(value)) for value in (*means, change))
    row = replace(row, base=means[0], new=means[1], change=change)
    if obstacle:
        return replace(row, verdict="not comparable", why=obstacle), None
    if min(len(a), len(b)) < 2:
        return replace(row, why="fewer than 2 seeds: their spread is unknown"), None
    if np.isinf(a).any() or np.isinf(b).any():
        return _ranked(row, a, b), None
    return row, moderated.paired(a, b) if row.paired else moderated.unpaired(a, b)


def _ranked(row: Row, one: pd.Series, other: pd.Series) -> Row:
    """Where seeds never get there only their order is left: the rank-sum test, and no size of the change."""
    from scipy.stats import PermutationMethod, mannwhitneyu

    never = [int(np.isinf(values).sum()) for values in (one, other)]
    if never == [len(one), len(other)]:
        return replace(row, why="no seed gets to the target in either run")
    later = probability_of_improvement([(other, one)])
    why = f"{never[0]} of {len(one)} seeds never get to the target in BASE, {never[1]} of {len(other)} in NEW"
    p = float(mannwhitneyu(one, other, method=PermutationMethod()).pvalue)  # exact, with ties, for few seeds
    change = math.inf if later > 0.5 else 0.0 if later < 0.5 else 1.0
    return replace(row, change=change, p=p, why=why)


def _by_seed(trials: pd.DataFrame, values: pd.Series) -> pd.Series:
    """The values of the seeds that are done, by seed; infinite ones stay."""
    done = trials[trials["status"] == "done"]
    return pd.Series(values.reindex(done["trial"]).to_numpy(dtype=float), index=done["seed"].to_numpy()).dropna()
