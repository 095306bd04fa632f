"""Comparison of benchmark timings of two revisions, measured in alternating rounds.

Each round times both sides in quick succession, so the two form a pair: the logarithm of the ratio new / base is free
of whatever slowed down the machine during both. The mean log ratio of each benchmark is tested by a t-test with a
moderated standard error, so that a benchmark whose few rounds agree by chance is not mistaken for a stable one. Holm's
procedure controls the probability of any false alarm over all benchmarks, and a change must also be large to count.

The t-test uses the degrees of freedom of a single benchmark, R - 1. Benchmarks timed by one process share the
disturbances of that process, so they cannot lend each other the degrees of freedom that independent cells would; if
they did, the false-alarm rate would be exceeded.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.errors import OptionError
from bench.statistics import moderated, multiple

Seconds = Mapping[str, float]  # of one side in one round, by benchmark
Failures = Mapping[str, str]  # the reason, by benchmark or by its file: "test_scaling"
MAX_LOG_RATIO = 700.0  # larger ratios would overflow
Verdict = Literal["slower", "faster", "no evidence", "not in base", "fails on base", "fails", "gone"]


@dataclass(frozen=True)
class Rules:
    """Settings of a comparison of timings. Raises OptionError if a value is out of range."""

    rounds: int = 5
    min_ratio: float = 1.1  # changes by a smaller ratio do not count
    alpha: float = 0.05  # probability of any false alarm if nothing has changed

    def __post_init__(self) -> None:
        """Check ranges."""
        if self.rounds < 2:
            raise OptionError(
                f"`rounds` must be at least 2: a single round has no estimate of its error (got {self.rounds})."
            )
        if not 1 <= self.min_ratio < math.inf:
            raise OptionError(f"`min_ratio` must be at least 1, such as 1.1 for 10 % (got {self.min_ratio:g}).")
        if not 0 < self.alpha < 1:
            raise OptionError(f"`alpha` must lie between 0 and 1 (got {self.alpha:g}).")


@dataclass(frozen=True)
class Row:
    """The comparison of one benchmark.

    ``base`` and ``new`` are geometric means over the rounds, in seconds; ``ratio`` is ``new / base``, with the 95 %
    interval ``low`` to ``high`` and the two-sided p-value ``p``; ``least`` is the smallest ratio above 1 that would be
    significant. ``why`` gives the reason for a verdict that the numbers do not explain.
    """

    benchmark: str
    verdict: Verdict = "no evidence"
    base: float = math.nan
    new: float = math.nan
    ratio: float = math.nan
    low: float = math.nan
    high: float = math.nan
    p: float = math.nan
    least: float = math.nan
    rounds: int = 0
    why: str = ""


def compare(base: Sequence[Seconds], new: Sequence[Seconds], rules: Rules) -> list[Row]:
    """Compare the timings of R rounds; one row per benchmark that was timed on either side, in the order of ``new``.

    A benchmark that was timed on both sides in only one round has no estimate of its error and counts as "not in base".

    Example:
        >>> base = [{"step": 1.00}, {"step": 1.01}, {"step": 0.99}, {"step": 1.00}, {"step": 1.02}]
        >>> new = [{"step": 1.31}, {"step": 1.30}, {"step": 1.29}, {"step": 1.32}, {"step": 1.31}]
        >>> (row,) = compare(base, new, Rules(rounds=5))
        >>> row.verdict, round(row.ratio, 2)
        ('slower', 1.3)
    """
    pairs = {name: _pairs(name, base, new) for name in _names(new)}
    timed = {name: both for name, both in pairs.items() if len(both) >= 2}
    samples = [moderated.paired(*np.log(both).T) for both in timed.values()]
    tests = [_unpooled(test, sample) for test, sample in zip(moderated.t_tests(samples), samples, strict=True)]
    significant = multiple.holm([test.p for test in tests], rules.alpha)
    rows = {}
    for (name, both), test, is_significant in zip(timed.items(), tests, significant, strict=True):
        least = math.exp(min(test.least(rules.alpha / len(timed)), MAX_LOG_RATIO))
        rows[name] = replace(_row(name, both, test, rules, significant=bool(is_significant)), least=least)
    for name in pairs:
        rows.setdefault(name, Row(name, "not in base", new=_mean(name, new)))
    gone = [name for name in _names(base) if name not in pairs]
    return [*(rows[name] for name in pairs), *(Row(name, "gone", base=_mean(name, base)) for name in gone)]


def with_failures(rows: Sequence[Row], base: Iterable[Failures], new: Iterable[Failures]) -> list[Row]:
    """Return the rows of `compare` with the benchmarks that failed in any round marked as such.

    A benchmark that fails in the working tree "fails", regardless of the base; one that fails only on the base "fails
    on base".
    """
    on_base, on_new = ({name: why for one in side for name, why in one.items()} for side in (base, new))
    marked = []
    for row in rows:
        reason = on_base.get(row.benchmark) or on_base.get(row.benchmark.partition(".")[0])
        if row.benchmark in on_new:
            continue
        if reason and row.verdict != "gone":
            marked.append(Row(row.benchmark, "fails on base", new=row.new, why=reason))
        else:
            marked.append(row)
    return [*marked, *(Row(name, "fails", why=why) for name, why in on_new.items())]


def _unpooled(test: moderated.TTest, sample: moderated.Sample) -> moderated.TTest:
    """The test with the moderated error, but only the degrees of freedom of this benchmark."""
    from scipy.special import stdtr  # scipy.stats takes a second to import

    statistic = abs(test.difference) / test.error if test.error else math.inf if test.difference else 0.0
    return replace(test, degrees=sample.degrees, p=float(2 * stdtr(sample.degrees, -statistic)))


def _names(side: Sequence[Seconds]) -> list[str]:
    return [*dict.fromkeys(name for one in side for name in one)]


def _pairs(name: str, base: Sequence[Seconds], new: Sequence[Seconds]) -> list[tuple[float, float]]:
    return [(b[name], n[name]) for b, n in zip(base, new, strict=True) if name in b and name in n]


def _mean(name: str, side: Sequence[Seconds]) -> float:
    """The geometric mean over the rounds."""
    return float(np.exp(np.mean(np.log([one[name] for one in side if name in one]))))


def _row(name: str, both: list[tuple[float, float]], test: moderated.TTest, rules: Rules, *, significant: bool) -> Row:
    base, new = np.exp(np.log(both).mean(axis=0))
    low, high = test.interval()
    large = abs(test.difference) >= math.log(rules.min_ratio)
    verdict: Verdict = "no evidence" if not (significant and large) else "slower" if test.difference > 0 else "faster"
    why = f"significant, but smaller than a factor of {rules.min_ratio:g}" if significant and not large else ""
    row = Row(name, verdict, float(base), float(new), math.exp(test.difference), p=test.p, rounds=len(both), why=why)
    return replace(row, low=math.exp(low), high=math.exp(high))
