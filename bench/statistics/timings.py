"""Benchmarks timed on two sides, round by round: which have become slower, and how surely?

A round times both sides shortly after each other, so it is a pair: the logarithm of its ratio new / base is free of
what the machine did to both.  A t-test judges the mean log ratio of each benchmark, with the moderated standard error,
so that a benchmark whose few rounds agree by chance does not pass for a steady one.  Holm's procedure keeps the chance
of any false alarm over all benchmarks, and only what is also large counts.

The t-test has the degrees of freedom of one benchmark, R - 1: benchmarks timed by one process share what was done to
that process, so their errors do not add up to the degrees that independent cells would lend each other, and with
those false alarms exceed their rate.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bench.errors import OptionError
from bench.statistics import moderated

Seconds = Mapping[str, float]  # of one side in one round, by benchmark
Failures = Mapping[str, str]  # why, by benchmark or by the file that holds it: "test_scaling"
FAR = 700.0  # the logarithm of a ratio that is as good as infinite
Verdict = Literal["slower", "faster", "no evidence", "not in base", "fails on base", "fails", "gone"]


@dataclass(frozen=True)
class Rules:
    """By what is judged; raises OptionError where a value is out of its range."""

    rounds: int = 5
    min_ratio: float = 1.1  # a smaller ratio of times does not count
    alpha: float = 0.05  # the chance that anything is called slower or faster where nothing has changed

    def __post_init__(self) -> None:
        """Refuse what could not be meant."""
        if self.rounds < 2:
            raise OptionError(
                f"`rounds` must be at least 2: one round does not tell its own error (got {self.rounds})."
            )
        if not 1 <= self.min_ratio < math.inf:
            raise OptionError(f"`min_ratio` must be at least 1, such as 1.1 for a tenth (got {self.min_ratio:g}).")
        if not 0 < self.alpha < 1:
            raise OptionError(f"`alpha` must lie between 0 and 1 (got {self.alpha:g}).")


@dataclass(frozen=True)
class Row:
    """One benchmark.

    ``base`` and ``new`` are geometric means over the rounds, in seconds, ``ratio`` is ``new / base``, ``low`` to
    ``high`` its 95 % interval, ``p`` two-sided; ``least`` is the smallest ratio above 1 that would be significant.
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


def judge(base: Sequence[Seconds], new: Sequence[Seconds], rules: Rules) -> list[Row]:
    """A row for each benchmark that was timed on either side, [R] rounds each, in the order of the working tree's.

    One that was timed on both sides in a single round tells no error, and is "not in base" either.
    """
    pairs = {name: _pairs(name, base, new) for name in _names(new)}
    timed = {name: both for name, both in pairs.items() if len(both) >= 2}
    samples = [moderated.paired(*np.log(both).T) for both in timed.values()]
    found = [_own(one, sample) for one, sample in zip(moderated.judge(samples), samples, strict=True)]
    significant = moderated.holm([one.p for one in found], rules.alpha)
    rows = {}
    for (name, both), one, clear in zip(timed.items(), found, significant, strict=True):
        least = math.exp(min(one.least(rules.alpha / len(timed)), FAR))
        rows[name] = replace(_row(name, both, one, rules, clear=bool(clear)), least=least)
    for name in pairs:
        rows.setdefault(name, Row(name, "not in base", new=_mean(name, new)))
    gone = [name for name in _names(base) if name not in pairs]
    return [*(rows[name] for name in pairs), *(Row(name, "gone", base=_mean(name, base)) for name in gone)]


def with_failures(rows: Sequence[Row], base: Iterable[Failures], new: Iterable[Failures]) -> list[Row]:
    """The rows of `judge`, with what became of the benchmarks that failed in any round.

    A benchmark that fails in the working tree "fails", wherever else it ran; one that only the working tree has a time
    of, and that the base has tried, "fails on base".
    """
    on_base, on_new = ({name: why for one in side for name, why in one.items()} for side in (base, new))
    told = []
    for row in rows:
        tried = on_base.get(row.benchmark) or on_base.get(row.benchmark.partition(".")[0])
        if row.benchmark in on_new:
            continue
        if tried and row.verdict != "gone":
            told.append(Row(row.benchmark, "fails on base", new=row.new, why=tried))
        else:
            told.append(row)
    return [*told, *(Row(name, "fails", why=why) for name, why in on_new.items())]


def _own(one: moderated.Judged, sample: moderated.Sample) -> moderated.Judged:
    """With the moderated error, but the benchmark's own degrees of freedom."""
    from scipy.special import stdtr  # scipy.stats takes a second to import

    statistic = abs(one.difference) / one.error if one.error else math.inf if one.difference else 0.0
    return replace(one, degrees=sample.degrees, p=float(2 * stdtr(sample.degrees, -statistic)))


def _names(side: Sequence[Seconds]) -> list[str]:
    return [*dict.fromkeys(name for one in side for name in one)]


def _pairs(name: str, base: Sequence[Seconds], new: Sequence[Seconds]) -> list[tuple[float, float]]:
    return [(b[name], n[name]) for b, n in zip(base, new, strict=True) if name in b and name in n]


def _mean(name: str, side: Sequence[Seconds]) -> float:
    """Geometric, as the mean of logarithms is."""
    return float(np.exp(np.mean(np.log([one[name] for one in side if name in one]))))


def _row(name: str, both: list[tuple[float, float]], one: moderated.Judged, rules: Rules, *, clear: bool) -> Row:
    base, new = np.exp(np.log(both).mean(axis=0))
    low, high = one.interval()
    large = abs(one.difference) >= math.log(rules.min_ratio)
    verdict: Verdict = "no evidence" if not (clear and large) else "slower" if one.difference > 0 else "faster"
    why = f"significant, but smaller than a factor of {rules.min_ratio:g}" if clear and not large else ""
    row = Row(name, verdict, float(base), float(new), math.exp(one.difference), p=one.p, rounds=len(both), why=why)
    return replace(row, low=math.exp(low), high=math.exp(high))
