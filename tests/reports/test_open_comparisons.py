"""What would decide an open comparison: the page's sentences, and `bench.power` on results with known numbers."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench.errors import OptionError
from bench.reporting import power
from bench.reporting.page.answer import answers, answers_and_outlooks
from bench.reporting.power import Aim

SIX = np.array([0.5, -0.8, 1.2, -0.4, 0.6, -1.1])  # mean 0


def add(rows: Any, name: str, values: Any, **about: Any) -> None:
    for seed, value in enumerate(values):
        rows.add(name, seed, likelihoods={"importance": float(value)}, **about)


def add_by_point(rows: Any, name: str, values: np.ndarray) -> None:
    """Log-likelihoods [S, N] by seed and test point, of the same points in all seeds."""
    for seed, each in enumerate(values):
        rows.add(name, seed, likelihoods={"importance": float(each.mean())})
        rows.likelihoods[-1]["points"] = "p"
        rows.by_point[rows.trials[-1]["trial"], "importance"] = each


def sentence(rows: Any) -> str:
    (answer,) = answers(rows.results())
    return answer.sentence


def pairs_needed(effect: float, target: float = 0.8) -> int:
    """Of a t-test at 5 %, by the noncentral t distribution."""
    return next(
        n
        for n in range(2, 2000)
        if 1 - stats.nct.cdf(stats.t.ppf(0.975, n - 1), n - 1, effect * math.sqrt(n)) >= target
    )


def test_the_page_says_how_many_more_seeds_would_decide(rows: Any) -> None:
    add(rows, "other", [-20.0] * 6)
    add(rows, "good", -19.5 + SIX)
    more = pairs_needed(0.5 / SIX.std(ddof=1)) - 6
    limit = 5 / stats.chi2.ppf(0.2, 5)
    cautious = pairs_needed(0.5 / (SIX.std(ddof=1) * limit**0.5)) - 6
    assert 20 < more < 40
    assert (
        "The lead over other may be due to chance. As to other, if the difference is as large as it looks, about "
        f"{more} more seeds would decide it ({cautious} if they spread more than it seems)."
    ) in sentence(rows)


def test_more_comparisons_take_more_seeds(rows: Any) -> None:
    add(rows, "other", [-20.0] * 6)
    add(rows, "good", -19.5 + SIX)
    alone = int(re.findall(r"about (\d+) more", sentence(rows))[0])
    add(rows, "third", [-20.0, -20.1, -19.9, -20.2, -20.0, -20.1])
    among = int(re.findall(r"more seeds would decide.*? about (\d+) for other", sentence(rows))[0])
    assert alone < among < 3 * alone


def test_too_close_to_nothing(rows: Any) -> None:
    add(rows, "other", [-20.0] * 6)
    add(rows, "good", -19.99 + SIX)
    assert "the difference is too close to 0: no reasonable number of seeds would decide it" in sentence(rows)


def test_one_seed_says_that_it_cannot_be_said(rows: Any) -> None:
    add(rows, "other", [-20.0])
    add(rows, "good", [-19.0])
    assert "too few seeds to say whether that is due to chance, or how many would decide it" in sentence(rows)
    add(rows, "third", [-25.0, -25.1])  # which has one seed in common with the leader
    assert "too few seeds to say" in sentence(rows)


def test_points_rather_than_seeds(rows: Any) -> None:
    """Seeds agree, but 40 test points differ by 3 nats: only more of them help, some (2.8 * 3 / 1)^2 for 1 nat."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=40)
    points = 3 * (points - points.mean()) / points.std(ddof=1)
    hard = 20 * rng.normal(size=40)
    add_by_point(rows, "other", np.stack([hard] * 4) + 0.01 * rng.normal(size=(4, 40)))
    add_by_point(rows, "good", np.stack([hard + 0.8 + points] * 4) + 0.01 * rng.normal(size=(4, 40)))
    found = re.findall(r"no number of seeds would decide it on 40 test points, but about (\d+) test", sentence(rows))
    assert int(found[0]) == pytest.approx((2.8 * 3 / 0.8) ** 2, rel=0.05)
    (row,) = power.table(rows.results(), Aim(0.8)).to_dict("records")
    assert (row["seeds_needed"], row["seeds_needed_cautious"]) == (math.inf, math.inf)
    assert row["points_needed"] == int(found[0])
    assert (row["seeds"], row["num_points"]) == (4, 40)
    assert row["power"] == pytest.approx(stats.norm.cdf(0.8 / (3 / 40**0.5) - 2.02), abs=0.02)


def test_comparisons_without_the_leader_have_their_own_sentence(rows: Any) -> None:
    add(rows, "good", [-10.0, -10.1, -9.9, -10.2, -10.0, -9.8])
    add(rows, "second", [-20.0] * 6)
    add(rows, "third", -20.5 + SIX)
    (answer,), outlooks = answers_and_outlooks(rows.results())
    assert answer.sure
    (text,) = outlooks
    assert text.startswith(
        "digits, 1000 training points, z = 3: second and third differ by 0.50 nats; if the difference"
    )


def test_power_has_a_row_for_each_two_algorithms_of_each_place(rows: Any) -> None:
    for z in (3, 5):
        add(rows, "a", -20 + SIX, z=z)
        add(rows, "b", [-20.0] * 6, z=z)
    add(rows, "c", [-20.0], z=5)
    rows.add("c", 1, z=5, status="diverged")
    table = power.table(rows.results(), Aim(0.5))
    assert list(zip(table["z"], table["algorithm"], table["other"], strict=True)) == [
        (3, "a", "b"),
        (5, "a", "b"),
        (5, "a", "c"),
        (5, "b", "c"),
    ]
    assert set(table["level"]) == {0.05 / 3}  # a and b at both places, and over both
    assert table["why"].tolist()[0] == "over seeds alone: the values per test point are not there"
    assert table["why"].tolist()[2].startswith("needs 2 pairs of seeds")
    assert table["seeds_needed"].isna().tolist() == [False, False, True, True]
    shown = power.shown(table)
    assert shown["seeds needed"].tolist()[2] == "–"
    assert "at a level of 0.017 each" in power.explanation(table, Aim(0.5))[0]
    assert power.record(table)[2]["seeds_needed"] is None


def test_other_scales_are_not_planned_for(rows: Any) -> None:
    add(rows, "a", [-20.0, -21.0])
    for seed in range(2):
        rows.add("b", seed, likelihoods={"ais": -30.0 - seed})
    (row,) = power.table(rows.results(), Aim(0.5)).to_dict("records")
    assert row["why"] == "not comparable: estimators differ (importance, ais)"
    assert math.isnan(row["seeds_needed"])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"difference": 0.0}, "`difference` must be a number of nats above 0, such as 0.5 .got 0"),
        ({"difference": math.inf}, "`difference` must be a number of nats above 0"),
        ({"difference": "x"}, "`difference` must be a number .got 'x'"),
        ({"difference": 1.0, "level": 0.0}, "`level` must lie between 0 and 1"),
        ({"difference": 1.0, "power": 1.0}, "`power` must lie between `level` .0.05. and 1"),
        ({"difference": 1.0, "power": 0.01}, "`power` must lie between `level`"),
    ],
)
def test_aims_that_could_not_be_meant(given: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        Aim(**given)
