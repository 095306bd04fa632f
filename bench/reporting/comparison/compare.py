"""Compares two runs: every cell of either, by every measure.

A cell is compared only if both runs measured the same thing, and in pairs of seeds if both have the same seeds.  The
rate of false alarms applies to the comparison as a whole: four fifths of it are allotted to the log-likelihoods, and
the rest to everything else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.reporting.comparison import endings, obstacles
from bench.reporting.comparison.cell_tests import CellTest, cell_tests
from bench.reporting.comparison.measures import LOG_LIKELIHOOD, OTHERS, Common
from bench.reporting.comparison.sides import sides
from bench.reporting.comparison.verdict import Row, Rules, Verdict, with_verdict
from bench.results.grid import Place
from bench.statistics import multiple

if TYPE_CHECKING:
    from bench.results.frames import Results

LIKELIHOOD_SHARE = 0.8

FAR = 700.0  # the logarithm of a ratio that is as good as infinite


@dataclass(frozen=True)
class Comparison:
    """All rows, in the order of cells and measures; the rules; the target of each place, set by BASE.

    ``cautions`` are sentences on other differences between the runs, which may be the cause of a change.
    """

    rows: tuple[Row, ...]
    rules: Rules
    targets: Mapping[Place, float]
    cautions: tuple[str, ...] = ()

    def of(self, *verdicts: Verdict) -> list[Row]:
        """The rows with one of these verdicts."""
        return [row for row in self.rows if row.verdict in verdicts]


def compare(base: Results, new: Results, rules: Rules | None = None) -> Comparison:
    """Compare every cell; a cell that cannot be compared has a row with the reason."""
    rules, common = rules or Rules(), Common.of(base, new)
    old, fresh = sides(base), sides(new)
    every = [*old, *(cell for cell in fresh if cell not in old)]
    shared = [(cell, old[cell], fresh[cell]) for cell in old if cell in fresh]
    barred = {cell: reason for cell, one, other in shared if (reason := obstacles.in_training(one, other))}
    both = [pair for pair in shared if pair[0] not in barred]
    alone = [cell for cell in every if (cell in old) != (cell in fresh)]
    rows = [Row(cell, "all", verdict="missing", why=f"only in {'BASE' if cell in old else 'NEW'}") for cell in alone]
    rows += [Row(cell, "all", verdict="not comparable", why=reason) for cell, reason in barred.items()]
    rows += [row for cell, one, other in shared for row in endings.rows(cell, one, other, rules)]
    for family, share in (((LOG_LIKELIHOOD,), LIKELIHOOD_SHARE), (OTHERS, 1 - LIKELIHOOD_SHARE)):
        tests = [test for measure in family for test in cell_tests(measure, base, new, both, common, rules)]
        rows += _rows(tests, share * rules.false_alarms, rules)
    order = {cell: i for i, cell in enumerate(every)}
    cautions = tuple(obstacles.in_tuning(both))
    return Comparison(tuple(sorted(rows, key=lambda row: order[row.cell])), rules, common.targets, cautions)


def _rows(tests: Sequence[CellTest], rate: float, rules: Rules) -> list[Row]:
    """The rows of one family of tests, which has its own rate of false alarms."""
    tested = [i for i, test in enumerate(tests) if math.isfinite(test.row.p)]
    significant = dict(zip(tested, multiple.holm([tests[i].row.p for i in tested], rate), strict=True))
    level = rate / max(1, len(tested))  # of Holm's first step: the most that one changed cell can count on
    return [
        with_verdict(_with_least(test, level), test.measure, rules, significant=bool(significant.get(i, False)))
        for i, test in enumerate(tests)
    ]


def _with_least(test: CellTest, level: float) -> Row:
    """The row, with the smallest change that could have been significant."""
    if test.change is not None:
        least = test.change.least(level)
        return replace(test.row, least=least if test.row.unit == "nats" else math.exp(min(least, FAR)))
    if test.least_p > level:
        return replace(test.row, why=f"{test.row.why}; with so few seeds no order of them is significant")
    return test.row
