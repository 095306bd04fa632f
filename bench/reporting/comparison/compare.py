"""The comparison: every cell that either run has, every measure that it has.

A cell is judged only where both runs measured the same thing.  Seeds are compared in pairs where both runs have the
same.  The rate of false alarms is for the comparison as a whole: four fifths of it are spent on the log-likelihoods,
the rest on all else.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.reporting.comparison import endings, obstacles
from bench.reporting.comparison.measure import LOG_LIKELIHOOD, OTHERS, Common
from bench.reporting.comparison.measured import Found, measured
from bench.reporting.comparison.verdict import Row, Rules, Verdict, judged
from bench.results.grid import Place, cells
from bench.statistics import moderated

if TYPE_CHECKING:
    from bench.results.frames import Results

LIKELIHOOD_SHARE = 0.8

FAR = 700.0  # the logarithm of a ratio that is as good as infinite


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
    rules, common = rules or Rules(), Common.of(base, new)
    old, fresh = dict(cells(base.trials)), dict(cells(new.trials))
    every = [*old, *(cell for cell in fresh if cell not in old)]
    shared = [(cell, old[cell], fresh[cell]) for cell in old if cell in fresh]
    barred = {cell: reason for cell, one, other in shared if (reason := obstacles.in_training(one, other))}
    both = [pair for pair in shared if pair[0] not in barred]
    alone = [cell for cell in every if (cell in old) != (cell in fresh)]
    rows = [Row(cell, "all", verdict="missing", why=f"only in {'BASE' if cell in old else 'NEW'}") for cell in alone]
    rows += [Row(cell, "all", verdict="not comparable", why=reason) for cell, reason in barred.items()]
    rows += [row for cell, one, other in shared for row in endings.compared(cell, base, new, one, other, rules)]
    for family, share in (((LOG_LIKELIHOOD,), LIKELIHOOD_SHARE), (OTHERS, 1 - LIKELIHOOD_SHARE)):
        found = [one for measure in family for one in measured(measure, base, new, both, common, rules)]
        rows += _judge(found, share * rules.false_alarms, rules)
    order = {cell: i for i, cell in enumerate(every)}
    return Comparison(tuple(sorted(rows, key=lambda row: order[row.cell])), rules, common.targets)


def _judge(found: Sequence[Found], rate: float, rules: Rules) -> list[Row]:
    """The rows of one family, with its own rate of false alarms."""
    tested = [i for i, one in enumerate(found) if math.isfinite(one.row.p)]
    real = dict(zip(tested, moderated.holm([found[i].row.p for i in tested], rate), strict=True))
    level = rate / max(1, len(tested))  # of Holm's first step: the most that one changed cell can count on
    return [
        judged(_with_least(one, level), one.measure, rules, significant=bool(real.get(i, False)))
        for i, one in enumerate(found)
    ]


def _with_least(one: Found, level: float) -> Row:
    """The row, saying what could not have been significant."""
    if one.change is not None:
        least = one.change.least(level)
        return replace(one.row, least=least if one.row.unit == "nats" else math.exp(min(least, FAR)))
    if one.least_p > level:
        return replace(one.row, why=f"{one.row.why}; with so few seeds no order of them is significant")
    return one.row
