"""The test of one measure in every cell of both runs: means, change, interval and p-value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.reporting.comparison import obstacles
from bench.reporting.comparison.measures import LOG_LIKELIHOOD, Common, Measure
from bench.reporting.comparison.points import with_points
from bench.reporting.comparison.sides import Side
from bench.reporting.comparison.verdict import Row, Rules
from bench.results.grid import Cell
from bench.statistics import moderated
from bench.statistics.paired import probability_of_improvement

if TYPE_CHECKING:
    from bench.results.frames import Results

Array = NDArray[np.float64]

SEED = 20131220  # the same p-values from the same results, always

# A cell in both runs.
Pair = tuple[Cell, Side, Side]


@dataclass(frozen=True)
class CellTest:
    """The test of one measure in one cell, without a verdict, and the basis of its row's p-value."""

    measure: Measure
    row: Row
    change: moderated.TTest | None = None  # None if only ranks are compared, or nothing
    least_p: float = 0.0  # the smallest p-value that this many seeds can have


def cell_tests(
    measure: Measure, base: Results, new: Results, pairs: Sequence[Pair], common: Common, rules: Rules
) -> list[CellTest]:
    """The test of ``measure`` in each cell that has it, with a p-value if there are enough seeds."""
    in_base, in_new = (
        {str(trial): value for trial, value in measure.values(run, common).items()} for run in (base, new)
    )
    tests: list[CellTest] = []
    samples: dict[int, moderated.Sample] = {}
    for cell, old, fresh in pairs:
        before, after = old.by_seed(in_base), fresh.by_seed(in_new)
        shared = [seed for seed in before if seed in after]
        paired = old.seeds == fresh.seeds and len(shared) > 0
        one, other = (
            np.array([side[seed] for seed in (shared if paired else side)], dtype=np.float64)
            for side in (before, after)
        )
        row = Row(cell, measure.name, measure.unit, seeds_base=len(one), seeds_new=len(other), paired=paired)
        if not (len(one) and len(other)):
            tests += [CellTest(measure, absent) for absent in _absent(row, old, fresh)]
            continue
        row = _with_means(row, one, other)
        obstacle = _obstacle(measure, old, fresh, rules)
        if obstacle:
            tests.append(CellTest(measure, replace(row, verdict="not comparable", why=obstacle)))
        elif min(len(one), len(other)) < 2:
            tests.append(CellTest(measure, replace(row, why="fewer than 2 seeds: their spread is unknown")))
        elif np.isinf(one).any() or np.isinf(other).any():
            tests.append(_ranked(measure, row, one, other))
        else:
            a, b = (np.log(side) if row.unit == "ratio" else side for side in (one, other))
            sample = moderated.paired(a, b) if row.paired else moderated.unpaired(a, b)
            if measure is LOG_LIKELIHOOD:
                sample = with_points(sample, old, fresh, shared if row.paired else None)
            samples[len(tests)] = sample
            tests.append(CellTest(measure, replace(row, num_points=sample.num_points)))
    for i, change in zip(samples, moderated.t_tests([*samples.values()]), strict=True):
        tests[i] = replace(tests[i], row=_with_change(tests[i].row, change), change=change)
    return tests


def _absent(row: Row, old: Side, fresh: Side) -> list[Row]:
    """A row if seeds are done in both runs and only one has the measure: an algorithm may have no bound at all."""
    any_done = len(old.done) and len(fresh.done)
    if not any_done or row.seeds_base == row.seeds_new:
        return []
    return [replace(row, verdict="not comparable", why=f"no {row.measure} in {'NEW' if row.seeds_base else 'BASE'}")]


def _obstacle(measure: Measure, old: Side, fresh: Side, rules: Rules) -> str:
    if measure is LOG_LIKELIHOOD:
        return obstacles.in_estimation(old, fresh)
    return obstacles.in_timing(old, fresh, rules.timings) if measure.timing else ""


def _with_means(row: Row, one: Array, other: Array) -> Row:
    """Geometric means of times and speeds; no change if one is infinite."""
    means = [float((np.log(values) if row.unit == "ratio" else values).mean()) for values in (one, other)]
    change = means[1] - means[0] if all(map(math.isfinite, means)) else math.nan
    if row.unit == "ratio":
        *means, change = (float(np.exp(value)) for value in (*means, change))
    return replace(row, base=means[0], new=means[1], change=change)


def _with_change(row: Row, test: moderated.TTest) -> Row:
    ends = np.array([test.difference, *test.interval()])
    change, low, high = map(float, np.exp(ends) if row.unit == "ratio" else ends)
    return replace(row, change=change, low=low, high=high, p=test.p)


def _ranked(measure: Measure, row: Row, one: Array, other: Array) -> CellTest:
    """Test by rank sums, without a size of the change: if seeds never reach the target, only their order is known."""
    from scipy.stats import PermutationMethod, mannwhitneyu

    never = [int(np.isinf(values).sum()) for values in (one, other)]
    if never == [len(one), len(other)]:
        return CellTest(measure, replace(row, why="no seed reaches the target in either run"))
    later = probability_of_improvement([(other, one)])
    why = f"{never[0]} of {len(one)} seeds never reach the target in BASE, {never[1]} of {len(other)} in NEW"
    permutations = PermutationMethod(random_state=np.random.default_rng(SEED))  # exact, with ties, for few seeds
    p = float(mannwhitneyu(one, other, method=permutations).pvalue)
    change = math.inf if later > 0.5 else 0.0 if later < 0.5 else 1.0
    least = 2 / math.comb(len(one) + len(other), len(one))
    return CellTest(measure, replace(row, change=change, p=p, why=why), least_p=least)
