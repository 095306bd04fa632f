"""The report over all places: what is scored, what is left out, and that failures count."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from bench import plugins
from bench.errors import OptionError

Aggregate = plugins.find("report")["aggregate"].load()
AggregateScores = plugins.find("report")["aggregate_scores"].load()


def add(rows: Any, name: str, values: list[float], **about: Any) -> None:
    for seed, value in enumerate(values):
        rows.add(name, seed, likelihoods={"importance": value}, **about)


@pytest.fixture
def two_sets(rows: Any) -> Any:
    """`good` leads by 2 nats on digits, by 6 on mnist."""
    for dataset, level, lead in (("digits", -20.0, 2.0), ("mnist", -100.0, 6.0)):
        add(rows, "bad", [level - lead + each for each in (0.1, -0.1, 0.0)], dataset=dataset)
        add(rows, "good", [level + each for each in (0.1, -0.1, 0.0)], dataset=dataset)
    return rows


def table(rows: Any, **options: Any) -> Any:
    return Aggregate(**options).table(rows.results()).set_index("algorithm")


def test_the_best_stands_first(two_sets: Any) -> None:
    found = table(two_sets)
    assert found.index.tolist() == ["good", "bad"]
    assert found["interquartile_mean"].tolist() == pytest.approx([2.0, -2.0], abs=0.05)  # of 1 and 3
    assert found["p_better"].tolist() == [1, 0]
    assert found["rank"].tolist() == [1, 2]
    assert (found["places"].tolist(), found["seeds"].tolist()) == ([2, 2], [6, 6])
    assert (found["rank_low"] <= found["rank"]).all()
    assert (found["rank_high"] >= found["rank"]).all()
    assert found["interval_over"].unique() == ["seeds"]


def test_a_reference(two_sets: Any) -> None:
    found = table(two_sets, reference="bad")
    assert found["interquartile_mean"].tolist() == pytest.approx([4.0, 0.0], abs=0.05)
    with pytest.raises(OptionError, match="must be an algorithm of this run"):
        table(two_sets, reference="nobody")


@pytest.mark.parametrize("status", ["failed", "diverged", "timeout", "crashed"])
def test_failed_seeds_count_as_worst_and_are_shown(two_sets: Any, status: str) -> None:
    for dataset in ("digits", "mnist"):
        add(two_sets, "good", [], dataset=dataset)
        two_sets.add("good", 3, dataset=dataset, status=status)
        two_sets.add("bad", 3, dataset=dataset, likelihoods={"importance": -130.0})
    found = table(two_sets)
    assert found.loc["good", "p_better"] == pytest.approx(0.75, abs=0.1)
    assert found.loc["good", "not_done"] == f"{status}, {status}"
    shown = Aggregate().display(Aggregate().table(two_sets.results())).set_index("algorithm")
    assert shown.loc["good", "trials"] == f"6 of 8 (2 {status})"
    two_sets.add("good", 4, status=status)
    found = table(two_sets)
    assert found.loc["good", "interquartile_mean"] == -math.inf  # 2 of 5 and 1 of 4: more than a quarter
    shown = Aggregate().display(Aggregate().table(two_sets.results())).set_index("algorithm")
    assert shown.loc["good", "interquartile mean (nats)"] == "-inf"
    texts = [text.get_text() for text in AggregateScores().figure(two_sets.results()).texts]
    assert "good: more than a quarter of its seeds failed" in " ".join(texts)


@pytest.mark.parametrize("status", ["waiting", "running", "interrupted", "damaged"])
def test_what_has_not_ended_does_not_count_and_is_shown(two_sets: Any, status: str) -> None:
    before = table(two_sets)
    two_sets.add("good", 3, status=status)
    found = table(two_sets)
    assert found.loc["good", "p_better"] == before.loc["good", "p_better"]
    assert found.loc["good", "not_done"] == status


def test_only_places_and_algorithms_that_can_be_compared(two_sets: Any) -> None:
    add(two_sets, "elsewhere", [-20.0, -21.0, -22.0])
    for seed in range(3):
        for name, estimator in (("good", "ais"), ("bad", "importance")):
            two_sets.add(name, seed, z=9, likelihoods={estimator: -30.0 - seed})
    found = table(two_sets)
    assert found.index.tolist() == ["good", "bad"]
    assert found["places"].tolist() == [2, 2]
    left_out = found["left_out"].iloc[0]
    assert "Left out: digits, 1000 training points, z = 9: estimators differ" in left_out
    assert "Without a score at one of the places, and so left out: elsewhere." in left_out


def test_older_data_are_left_out(two_sets: Any) -> None:
    results = two_sets.results()
    results.older_datasets = frozenset({"mnist"})
    found = Aggregate().table(results)
    assert found["places"].tolist() == [1, 1]
    assert "Left out: mnist, 1000 training points, z = 3, of older data or code." in found["left_out"].iloc[0]


def test_one_algorithm_or_none_in_common_is_nothing_to_show(rows: Any) -> None:
    assert Aggregate().table(rows.results()).empty
    add(rows, "one", [-20.0, -21.0])
    assert Aggregate().table(rows.results()).empty
    add(rows, "other", [-20.0, -21.0], dataset="mnist")
    assert Aggregate().table(rows.results()).empty
    assert AggregateScores().figure(rows.results()) is None


def test_one_seed_has_no_interval(rows: Any) -> None:
    add(rows, "one", [-20.0])
    add(rows, "other", [-21.0])
    shown = Aggregate().display(Aggregate().table(rows.results()))
    assert shown["95 % interval"].tolist() == ["–", "–"]
    assert shown["interquartile mean (nats)"].tolist() == ["+0.50", "-0.50"]
    assert AggregateScores().figure(rows.results()) is not None


@pytest.mark.parametrize(("points", "words"), [(["p"] * 3, "seeds and 4 test points"), ([None] * 3, "seeds")])
def test_values_by_point_are_used_if_they_are_known(rows: Any, points: list[str | None], words: str) -> None:
    rng = np.random.default_rng(0)
    for name, level in (("one", -20.0), ("other", -21.0)):
        for seed, checksum in enumerate(points):
            values = level + rng.normal(size=4)
            rows.add(name, seed, likelihoods={"importance": float(values.mean())})
            rows.likelihoods[-1]["points"] = checksum
            rows.by_point[rows.trials[-1]["trial"], "importance"] = values
    assert table(rows)["interval_over"].unique() == [words]
    results = rows.results()
    results.trials["data"] = results.trials["seed"].map("data {}".format)
    (drawn,) = Aggregate().table(results)["interval_over"].unique()
    assert drawn == f"{words}; training data drawn by seed"
    results.trials["data"] = "data"
    (same,) = Aggregate().table(results)["interval_over"].unique()
    assert same == f"{words}; same training data"
    figure = AggregateScores().figure(results)
    assert f"intervals over {same}" in " ".join(text.get_text() for text in figure.texts)


def test_data_sets_whose_intervals_are_over_other_things_are_named(two_sets: Any) -> None:
    results = two_sets.results()
    trials = results.trials
    trials["data"] = trials["dataset"].where(trials["dataset"] == "mnist", trials["seed"].map("split {}".format))
    (words,) = Aggregate().table(results)["interval_over"].unique()
    assert words == "seeds; training data drawn by seed (digits); seeds; same training data (mnist)"


def test_the_figure_has_a_bar_for_each_statistic_and_algorithm(two_sets: Any) -> None:
    figure = AggregateScores().figure(two_sets.results())
    found = table(two_sets)
    for ax, column in zip(figure.axes, ("interquartile_mean", "p_better", "rank"), strict=True):
        marks = [line.get_xdata()[0] for line in ax.lines if line.get_marker() not in (None, "None", "")]
        assert marks == pytest.approx(found[column].tolist())
