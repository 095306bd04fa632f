"""Comparison of timings: the stated rate of false alarms; large slow-downs are detected, small ones are not."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest

from bench.errors import OptionError
from bench.statistics.timings import Row, Rules, compare, with_failures

COMPARISONS = 500
BENCHMARKS = 19
PLANTED = "test_hot_paths.test_update[aevb-digits]"


def side(rng: np.random.Generator, noise: np.ndarray, ratio: float) -> list[dict[str, float]]:
    """Five rounds of one side, resembling those measured on a busy machine: seconds by benchmark.

    A process as a whole is 2 % faster or slower, each benchmark in it 1 to 5 %. The faster of two passes counts, each
    of which is much too long with a probability of 2 %. The first benchmark takes ``ratio`` times as long as it should.
    """
    shape = (5, BENCHMARKS)
    bursts = (rng.random((2, *shape)) < 0.02) * rng.exponential(0.3, (2, *shape))
    log_seconds = rng.normal(0, 0.02, (5, 1)) + rng.normal(0, 1, shape) * noise + bursts.min(axis=0)
    log_seconds[:, 0] += math.log(ratio)
    names = [PLANTED, *(f"test_hot_paths.test_{number}" for number in range(1, BENCHMARKS))]
    return [dict(zip(names, np.exp(row).tolist(), strict=True)) for row in log_seconds]


@cache
def comparisons(ratio: float, rules: Rules) -> list[list[Row]]:
    rng = np.random.default_rng(20131220)
    made = []
    for _ in range(COMPARISONS):
        noise = np.exp(rng.normal(math.log(0.02), 0.5, BENCHMARKS)).clip(0.01, 0.05)
        made.append(compare(side(rng, noise, 1.0), side(rng, noise, ratio), rules))
    return made


def share(ratio: float, verdict: str, rules: Rules) -> float:
    """The fraction of comparisons in which the benchmark with the planted change has this verdict."""
    return float(np.mean([rows[0].verdict == verdict for rows in comparisons(ratio, rules)]))


@pytest.mark.parametrize("min_ratio", [1.0, 1.1])  # 1.0: by significance alone
def test_equal_code_gives_at_most_the_stated_rate_of_false_alarms(min_ratio: float) -> None:
    made = comparisons(1.0, Rules(min_ratio=min_ratio))
    alarms = [any(row.verdict != "no evidence" for row in rows) for rows in made]
    assert np.mean(alarms) <= 0.05


def test_a_slow_down_of_30_percent_is_detected() -> None:
    assert share(1.3, "slower", Rules()) >= 0.95
    assert share(1 / 1.3, "faster", Rules()) >= 0.95
    assert not any(row.verdict == "slower" for rows in comparisons(1.3, Rules()) for row in rows[1:])


def test_a_slow_down_of_3_percent_is_not_called_slower() -> None:
    assert share(1.03, "slower", Rules()) == 0
    seen = [row.why for rows in comparisons(1.03, Rules()) for row in rows if row.why]
    assert set(seen) <= {"significant, but smaller than a factor of 1.1"}


def test_the_interval_covers_the_true_ratio() -> None:
    covered = [rows[0].low <= 1.3 <= rows[0].high for rows in comparisons(1.3, Rules())]
    assert np.mean(covered) >= 0.93


def test_two_rounds_are_too_few() -> None:
    rng = np.random.default_rng(0)
    noise = np.full(BENCHMARKS, 0.02)
    rows = compare(side(rng, noise, 1.0)[:2], side(rng, noise, 1.5)[:2], Rules(rounds=2))
    assert {row.verdict for row in rows} == {"no evidence"}
    assert min(row.least for row in rows) > 2


def test_the_least_ratio_is_where_significance_begins() -> None:
    base = [{"a": 1.0}, {"a": 1.1}, {"a": 0.9}]
    new = [{"a": 1.1}, {"a": 1.3}, {"a": 0.9}]
    (row,) = compare(base, new, Rules(rounds=3, min_ratio=1.0))
    for factor, verdict in ((0.999, "no evidence"), (1.001, "slower")):
        scale = factor * row.least / row.ratio
        (moved,) = compare(base, [{"a": one["a"] * scale} for one in new], Rules(rounds=3, min_ratio=1.0))
        assert moved.verdict == verdict


def test_benchmarks_on_one_side_only_have_a_verdict() -> None:
    old, new = {"f.both": 1.0, "f.old": 2.0}, {"f.both": 1.01, "f.new": 3.0, "g.made": 4.0}
    rows = compare([old, {**old, "f.both": 1.02}], [new, {**new, "f.both": 1.0}], Rules(rounds=2))
    rows = with_failures(rows, [{}, {"g": "ImportError: gone"}], [{}, {"f.bad": "ValueError: z"}])
    assert {row.benchmark: row.verdict for row in rows} == {
        "f.both": "no evidence",
        "f.new": "not in base",
        "g.made": "fails on base",
        "f.old": "gone",
        "f.bad": "fails",
    }
    assert [row.why for row in rows if row.why] == ["ImportError: gone", "ValueError: z"]
    assert [row.new for row in rows if row.benchmark == "f.new"] == [pytest.approx(3.0)]


def test_a_benchmark_that_fails_in_one_round_fails() -> None:
    rounds = [{"f.a": 1.0}, {"f.a": 1.1}]
    (row,) = with_failures(compare(rounds, rounds, Rules(rounds=2)), [], [{}, {"f.a": "flaky"}])
    assert (row.verdict, row.why) == ("fails", "flaky")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"rounds": 1}, "`rounds` must be at least 2"),
        ({"min_ratio": 0.9}, "`min_ratio` must be at least 1"),
        ({"min_ratio": math.nan}, "`min_ratio` must be at least 1"),
        ({"alpha": 0.0}, "`alpha` must lie between 0 and 1"),
    ],
)
def test_rules_are_checked(given: dict[str, float], words: str) -> None:
    with pytest.raises(OptionError, match=words):
        Rules(**given)
