"""The verdict on one measure of one cell, and the rules of the comparison."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from bench.errors import OptionError
from bench.reporting.comparison.measures import Measure
from bench.results.grid import Cell
from bench.values.numerals import is_number
from bench.values.texts import quoted

Verdict = Literal["better", "worse", "no evidence", "not comparable", "missing"]


@dataclass(frozen=True)
class Rules:
    """The criteria of a change; raises OptionError if a value is out of range."""

    min_nats: float = 0.1  # a smaller difference in nats does not count
    min_ratio: float = 1.1  # nor does a smaller ratio of times or speeds
    false_alarms: float = 0.05  # the probability of any false alarm if nothing has changed
    timings: str = "auto"  # "auto": compared if machine, workers and load were alike; "always"; "never"

    def __post_init__(self) -> None:
        """Check types and ranges."""
        for name in ("min_nats", "min_ratio", "false_alarms"):
            value = getattr(self, name)
            if not is_number(value):
                raise OptionError(f"`{name}` must be a number (got {quoted(value)}).")
        if not 0 <= self.min_nats < math.inf:
            raise OptionError(f"`min_nats` must be at least 0 (got {self.min_nats:g}).")
        if not 1 <= self.min_ratio < math.inf:
            raise OptionError(f"`min_ratio` must be at least 1, such as 1.1 for a tenth (got {self.min_ratio:g}).")
        if not 0 < self.false_alarms < 1:
            raise OptionError(f"`false_alarms` must lie between 0 and 1 (got {self.false_alarms:g}).")
        if self.timings not in ("auto", "always", "never"):
            raise OptionError(f"`timings` must be auto, always or never (got {quoted(self.timings)}).")

    def least(self, unit: str) -> str:
        """The minimum size that counts, in words."""
        return f"{self.min_nats:g} nats" if unit == "nats" else f"a factor of {self.min_ratio:g}"


@dataclass(frozen=True)
class Row:
    """One measure of one cell in both runs.

    ``base`` and ``new`` are means over the seeds that are done (geometric ones of times and speeds), ``change`` is
    ``new - base`` in nats or ``new / base``, ``low`` to ``high`` its 95 % interval, ``p`` two-sided, ``least`` the
    smallest change upwards that would have been significant.
    """

    cell: Cell
    measure: str
    unit: str = ""
    base: float = math.nan
    new: float = math.nan
    change: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    least: float = math.nan
    seeds_base: int = 0
    seeds_new: int = 0
    paired: bool = False  # whether both runs have the same seeds
    num_points: int = 0  # test points that the interval and p are over as well; 0 if they are over seeds alone
    verdict: Verdict = "no evidence"
    why: str = ""


def with_verdict(row: Row, measure: Measure, rules: Rules, *, significant: bool) -> Row:
    """The row with better or worse if the change is significant and large, else the reason why not."""
    if measure.unit == "nats":
        size, least = row.change, rules.min_nats
    else:
        size, least = _log(row.change), math.log(rules.min_ratio)
    if not significant:
        return row
    if abs(size) < least:
        return replace(row, why=row.why or f"significant, but smaller than {rules.least(row.unit)}")
    return replace(row, verdict="better" if (size > 0) == measure.higher_is_better else "worse")


def _log(ratio: float) -> float:
    return math.log(ratio) if ratio > 0 else -math.inf
