"""The page's answers in sentences, on results in which every number is known."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd
import pytest

from bench.reporting.captions import caveats
from bench.reporting.page.answer import Answer, answers
from bench.reporting.page.build import _warnings as page_warnings

FIVE = [-20.0, -20.2, -19.8, -20.1, -19.9]


def add(rows: Any, name: str, values: list[float], **about: Any) -> None:
    for seed, value in enumerate(values):
        rows.add(name, seed, likelihoods={"importance": value}, bound=[(1000, -30)], **about)


def answer(rows: Any) -> Answer:
    (found,) = answers(rows.results())
    return found


def test_more_than_chance(rows: Any) -> None:
    add(rows, "good", FIVE)
    add(rows, "bad", [value - 3 for value in FIVE])
    found = answer(rows)
    assert (found.winner, found.sure) == ("good", True)
    size = "3.00 nats above bad (95 % interval 3.00 to 3.00, 5 pairs of seeds, Student t)"
    assert found.sentence == f"good has the highest log-likelihood: -20.00 nats, {size}. That is more than chance."


def test_chance(rows: Any) -> None:
    add(rows, "good", FIVE)
    add(rows, "same", [-19.0, -21.5, -19.0, -21.0, -19.9])
    assert "The lead over same may be due to chance." in answer(rows).sentence
    assert not answer(rows).sure


def test_who_loses_seeds_is_not_surely_better(rows: Any) -> None:
    add(rows, "fragile", FIVE)
    rows.add("fragile", 5, status="diverged")
    add(rows, "sound", [value - 3 for value in FIVE])
    found = answer(rows)
    assert (found.winner, found.sure) == ("fragile", False)
    assert found.sentence.endswith(
        "more than chance among the seeds that ended well. Not included: 1 seed of fragile (diverged)."
    )


def test_a_model_that_was_not_estimated_is_named(rows: Any) -> None:
    add(rows, "good", FIVE)
    add(rows, "mine", [])
    rows.add("mine", 0)
    assert "Not included: 1 seed of mine (not estimated)." in answer(rows).sentence


def test_a_better_mean_on_other_seeds_is_no_better_on_the_same(rows: Any) -> None:
    """The winner by mean is worse on the seeds that both have."""
    add(rows, "good", [-20.0, -20.1, -10.0])
    add(rows, "other", [-19.0, -19.0])
    assert "1.05 nats below other" in answer(rows).sentence


def test_other_budgets_are_told(rows: Any) -> None:
    add(rows, "good", FIVE)
    for seed, value in enumerate(FIVE):
        rows.add("short", seed, likelihoods={"importance": value - 3}, bound=[(500, -30)])
    assert "Budgets differ: good 1,000, short 500 training samples." in answer(rows).sentence


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("pixels", "binary", "pixels differ (grey values, binary)"),
        ("estimator", "ais", "estimators differ (importance"),
    ],
)
def test_what_is_not_on_one_scale_is_not_compared(rows: Any, column: str, value: str, words: str) -> None:
    add(rows, "one", FIVE)
    add(rows, "other", [value - 3 for value in FIVE])
    for row in rows.trials[5:]:
        row[column] = value
    found = answer(rows)
    assert (found.winner, found.sure) == ("", False)
    assert f"The log-likelihoods cannot be compared: {words}" in found.sentence


def test_what_a_sample_costs_is_told_where_it_differs(rows: Any) -> None:
    add(rows, "one", FIVE)
    assert caveats.costs(rows.results()) == ""
    add(rows, "dear", FIVE)
    for row in rows.trials[5:]:
        row["model_evaluations"] *= 16
    assert "in model evaluations: one 2, dear 32." in caveats.costs(rows.results())


@pytest.mark.parametrize(
    ("stale", "words"),
    [
        (
            ["a"],
            "1 trial is stale (see what ran): changed since it ran: algorithm. bench run --on-stale",
        ),
        (["a", "b"], "2 trials are stale (see what ran): changed since they ran"),
    ],
)
def test_stale_trials_are_a_warning_on_the_page(rows: Any, stale: list[str], words: str) -> None:
    add(rows, "good", FIVE)
    results = rows.results()
    results.changed_since = dict.fromkeys(stale, "algorithm")
    results.diagnosis = pd.DataFrame(columns=["algorithm", "z", "collapse"])
    results.trials["device"] = "cpu"
    (warning,) = page_warnings(results)
    assert warning.startswith(words)


def test_many_rivals_are_named_with_those_of_the_same_verdict(rows: Any) -> None:
    add(rows, "good", FIVE)
    noise = [0.6, -0.9, 0.5, -0.4, 0.4]
    for name, below in {"worse": 3, "worst": 4}.items():
        add(rows, name, [value - below for value in FIVE])
    for name, below in {"near": 0.4, "nearer": 0.3}.items():
        add(rows, name, [value - below + each for value, each in zip(FIVE, noise, strict=True)])
    add(rows, "alone", [])
    rows.add("alone", 9, likelihoods={"importance": -30.0}, bound=[(1000, -30)])
    found = answer(rows)
    assert not found.sure
    sentences = found.sentence.split(". ")
    assert sentences[0] == "good has the highest log-likelihood: -20.00 nats"
    assert sentences[1] == "The lead over worse (3.00, 3.00 to 3.00) and worst (4.00, 4.00 to 4.00) is more than chance"
    assert sentences[2].startswith("The lead over nearer (")
    assert sentences[2].endswith(") may be due to chance")
    assert sentences[3].startswith("If the differences are as large as they look, more seeds would decide (in brackets")
    assert re.search(r": about \d+ for nearer \([\d,]+\), about \d+ for near \([\d,]+\)$", sentences[3])
    assert sentences[4] == "alone has no seed in common with it"
    assert sentences[5] == "In brackets: nats and 95 % intervals, by 5 pairs of seeds (Student t)."
    assert found.sentence.count("pairs of seeds") == 1
