from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from bench import plugins
from bench.errors import OptionError

Differences = plugins.find("report")["differences"].load()


def add(rows: Any, algorithm: str, values: list[float], z: int = 3) -> None:
    for seed, value in enumerate(values):
        rows.add(algorithm, seed, z=z, likelihoods={"importance": value})


def test_seeds_are_compared_in_pairs(rows: Any) -> None:
    add(rows, "aevb", [-20.0, -25.0, -30.0])
    add(rows, "mcem", [-21.0, -26.5, -31.0])
    report = Differences()
    table = report.table(rows.results())
    (row,) = table.to_dict("records")
    half = 4.302652730 * np.std([1.0, 1.5, 1.0], ddof=1) / np.sqrt(3)
    assert (row["difference"], row["method"], row["seeds"]) == (pytest.approx(7 / 6), "Student t", 3)
    assert (row["low"], row["high"]) == (pytest.approx(7 / 6 - half), pytest.approx(7 / 6 + half))
    assert row["p_better"] == pytest.approx(6 / 9)
    assert report.display(table)["verdict"].tolist() == ["aevb is better"]


def test_a_row_of_two_that_were_tuned_differently_says_how(rows: Any) -> None:
    for z in (3, 5):
        for name in ("aevb", "mcem", "mine"):
            add(rows, name, [-20.0, -21.0, -22.5], z)
    for trial in rows.trials:
        trial["tune"] = "given" if (trial["algorithm"], trial["z"]) == ("mine", 5) else "halving"
    report = Differences()
    table = report.table(rows.results())
    ways = table.set_index(["algorithm", "other", "z"])["tuned_differently"]
    assert ways["aevb", "mcem"].tolist() == ["", "", ""]
    assert ways["aevb", "mine"].tolist() == ["", "aevb: halving; mine: given", "aevb: halving; mine: given, halving"]
    assert report.display(table)["tuned differently"].iloc[:2].tolist() == ["–", "–"]
    assert "aevb: halving; mine: given" in set(report.display(table)["tuned differently"])
    for trial in rows.trials:
        trial["tune"] = "halving"
    assert "tuned differently" not in report.display(report.table(rows.results()))


def test_places_are_put_together(rows: Any) -> None:
    rng = np.random.default_rng(0)
    for z in (3, 5):
        add(rows, "aevb", list(rng.normal(-20, 0.5, 5)), z)
        add(rows, "mcem", list(rng.normal(-18, 0.5, 5)), z)
    report = Differences()
    table = report.table(rows.results())
    assert table["z"].tolist() == [3, 5, "all"]
    assert table["difference"].iloc[2] == pytest.approx(table["difference"].iloc[:2].mean())
    assert (table["low"].iloc[2], table["high"].iloc[2]) != (0, 0)
    assert set(report.display(table)["verdict"]) == {"mcem is better"}
    assert (table["p_better"] < 0.1).all()


def test_a_reference_and_few_seeds(rows: Any) -> None:
    for name in ("aevb", "mcem", "wakesleep"):
        add(rows, name, [-20.0])
    report = Differences(reference="mcem")
    table = report.table(rows.results())
    assert table[["algorithm", "other"]].to_numpy().tolist() == [["aevb", "mcem"], ["wakesleep", "mcem"]]
    assert set(report.display(table)["verdict"]) == {"too few seeds to say"}


def test_only_seeds_that_both_have_count(rows: Any) -> None:
    add(rows, "aevb", [-20.0, -21.0, -22.0])
    add(rows, "mcem", [-21.0])
    rows.add("mcem", 1, status="diverged", likelihoods={"importance": -1e9})
    report = Differences()
    table = report.table(rows.results())
    (row,) = table.to_dict("records")
    assert (row["difference"], row["seeds"], row["seeds_not_counted"]) == (1.0, 1, 1)
    assert report.display(table)["pairs of seeds"].tolist() == ["1 (1 not done)"]


def test_a_place_where_nobody_is_left_stays_in(rows: Any) -> None:
    add(rows, "aevb", [-20.0, -21.0])
    for seed in range(2):
        rows.add("mcem", seed, status="failed")
    report = Differences()
    shown = report.display(report.table(rows.results()))
    assert shown["verdict"].tolist() == ["no pair of seeds has ended well"]
    assert shown["pairs of seeds"].tolist() == ["0 (2 not done)"]
    assert shown["nats"].tolist() == ["–"]


def test_other_estimators_pixels_and_points_are_not_compared(rows: Any) -> None:
    add(rows, "aevb", [-20.0, -21.0, -22.0])
    for seed in range(3):
        rows.add("mcem", seed, likelihoods={"ais": -30.0 - seed})
    report = Differences()
    verdicts = report.display(report.table(rows.results()))["verdict"]
    assert verdicts.tolist() == ["not comparable: estimators differ (importance, ais)"]
    for row in rows.trials:
        row["estimator"] = "importance"
    for row in rows.likelihoods[3:]:
        row["num_points"] = 30
    verdicts = report.display(report.table(rows.results()))["verdict"]
    assert verdicts.tolist() == ["not comparable: numbers of test points differ (360, 30)"]


def test_an_unknown_reference_is_refused(rows: Any) -> None:
    add(rows, "aevb", [-20.0])
    with pytest.raises(OptionError, match="must be an algorithm of this run"):
        Differences(reference="nobody").table(rows.results())


def test_what_is_significant_alone_is_not_among_many(rows: Any) -> None:
    """p = 0.02 alone; among the 15 pairs of six algorithms, of which the others do not differ, it is no evidence."""
    rng = np.random.default_rng(1)
    noise = rng.normal(0, 0.4, 5)
    add(rows, "aevb", [-20.0] * 5)
    add(rows, "better", list(-19.3 + noise - noise.mean()))
    report = Differences()
    table = report.table(rows.results())
    (alone,) = table.to_dict("records")
    assert alone["p"] == pytest.approx(stats.ttest_1samp(0.7 + noise - noise.mean(), 0).pvalue)
    assert 0.005 < alone["p"] == alone["p_adjusted"] < 0.05
    assert (alone["simultaneous_low"], alone["simultaneous_high"]) == pytest.approx((alone["low"], alone["high"]))
    assert report.display(table)["verdict"].tolist() == ["better is better"]
    for name in "abcd":
        add(rows, name, list(rng.normal(-20, 0.4, 5)))
    table = report.table(rows.results())
    first = table.iloc[0]
    assert (first["algorithm"], first["other"], first["comparisons"]) == ("aevb", "better", 15)
    assert first["p"] == alone["p"]
    assert first["p_adjusted"] > 0.05
    assert first["simultaneous_high"] > 0 > first["high"]  # while the interval of this row alone excludes 0
    assert (table["simultaneous_low"] <= table["low"]).all()
    verdict = report.display(table)["verdict"].iloc[0]
    assert verdict == f"no evidence of a difference, though it has p = {alone['p']:.2g} by itself"


def test_what_cannot_be_tested_is_no_part_of_the_family(rows: Any) -> None:
    add(rows, "aevb", [-20.0, -20.1, -20.3])
    add(rows, "mcem", [-21.0, -21.2, -21.2])
    add(rows, "single", [-22.0])
    table = Differences().table(rows.results())
    assert set(table["comparisons"]) == {1}
    assert table["p_adjusted"].iloc[0] == table["p"].iloc[0]
    assert table["p_adjusted"].iloc[1:].isna().all()


def test_a_verdict_by_holm_s_test_beside_an_interval_that_contains_0_says_why(rows: Any) -> None:
    """Of three comparisons two are decided first, so that the third is tested at 0.05, and its interval at 0.05 / 3."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1, 6)
    shape = (noise - noise.mean()) / noise.std(ddof=1)
    add(rows, "far", [-90.0] * 6)
    add(rows, "aevb", [-20.0] * 6)
    add(rows, "near", list(-20 - 3.0 / np.sqrt(6) + shape))  # t = -3.0: p = 0.03
    table = Differences().table(rows.results())
    row = table[(table["algorithm"] == "aevb") & (table["other"] == "near")].iloc[0]
    assert row["p"] == pytest.approx(row["p_adjusted"])
    assert 0.05 / 3 < row["p"] < 0.05
    assert row["simultaneous_low"] < 0 < row["simultaneous_high"]
    verdicts = dict(zip(table["other"] + table["algorithm"], Differences().display(table)["verdict"], strict=True))
    assert verdicts["nearaevb"] == "aevb is better (by Holm's test, which finds more than the simultaneous interval)"
    assert verdicts["aevbfar"] == "aevb is better"


def test_columns_without_an_entry_are_left_out(rows: Any) -> None:
    add(rows, "aevb", [-20.0, -20.1])
    add(rows, "mcem", [-21.0, -21.3])
    shown = Differences().display(Differences().table(rows.results()))
    assert "its 95 % interval, over seeds" not in shown  # of P(better), from five seeds on
    assert {"95 % interval", "simultaneous 95 % interval", "interval over"} <= {*shown.columns}
    add(rows, "single", [-22.0])
    shown = Differences().display(Differences().table(rows.results()))
    assert shown["simultaneous 95 % interval"].tolist()[1:] == ["–", "–"]
