from __future__ import annotations

import html
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from markdown_it import MarkdownIt

from bench import plugins
from bench.reporting.rendering import make_reports
from bench.reporting.writers.files import contents

LogLikelihood = plugins.find("report")["log_likelihood"].load()
NASTY = "<b>_&%$#"
OPTIONS = "aevb[learning_rate=0.02]"
MARKUP = "a|b *c* `d` [e](f)"


def test_numbers_worked_out_by_hand(rows: Any) -> None:
    for seed, value in enumerate([-20.0, -21.0, -22.0]):
        rows.add(seed=seed, likelihoods={"importance": value}, se=0.03, bound=[(100, -40), (5000, value - 1)])
    (row,) = LogLikelihood().table(rows.results()).to_dict("records")
    half = 4.302652730 / np.sqrt(3)  # t for 2 degrees of freedom, standard deviation 1
    assert row["log_likelihood"] == pytest.approx(-21)
    assert row["log_likelihood_sd"] == pytest.approx(1)
    assert row["log_likelihood_low"] == pytest.approx(-21 - half)
    assert row["log_likelihood_high"] == pytest.approx(-21 + half)
    assert row["log_likelihood_se"] == pytest.approx(0.03 / np.sqrt(3))
    assert (row["elbo_test"], row["elbo_train"]) == (-22, -21.5)
    assert (row["seeds"], row["seeds_not_counted"]) == (3, 0)
    assert (row["bias"], row["num_points"], row["pixels"]) == ("lower", 360, "grey values")
    assert (row["samples_min"], row["samples_max"]) == (5000, 5000)


def test_seeds_that_ended_otherwise_are_counted_and_not_averaged(rows: Any) -> None:
    rows.add(seed=0, likelihoods={"importance": -20.0}, bound=[(100, -21)])
    rows.add(seed=1, likelihoods={"importance": -22.0}, bound=[(100, -23)])
    rows.add(seed=2, status="diverged", likelihoods={"importance": -1e9}, bound=[(100, -1e9)])
    rows.add(seed=3, status="timeout")
    report = LogLikelihood()
    table = report.table(rows.results())
    (row,) = table.to_dict("records")
    assert (row["log_likelihood"], row["elbo_test"]) == (-21, -22)
    assert (row["seeds"], row["seeds_not_counted"]) == (2, 2)
    assert report.display(table)["seeds"].tolist() == ["2 of 4 (1 diverged, 1 timeout)"]


def test_algorithm_whose_seeds_all_failed_keeps_a_row_for_each_estimator(rows: Any) -> None:
    for seed in range(2):
        rows.add("aevb", seed, likelihoods={"importance": -20.0, "hmc": -19.0})
        rows.add("mine", seed, status="failed")
    report = LogLikelihood()
    table = report.table(rows.results())
    mine = table[table["algorithm"] == "mine"]
    assert mine["estimator"].tolist() == ["importance", "hmc"]
    assert mine["log_likelihood"].isna().all()
    assert report.display(mine)["seeds"].tolist() == ["0 of 2 (2 failed)"] * 2


@pytest.mark.parametrize("unusable", [float("nan"), -float("inf")])
def test_done_seed_without_a_usable_estimate_is_named(rows: Any, unusable: float) -> None:
    rows.add(seed=0, likelihoods={"importance": -20.0, "hmc": -19.0})
    rows.add(seed=1, likelihoods={"importance": unusable})
    report = LogLikelihood()
    shown = report.display(report.table(rows.results()))
    assert shown["seeds"].tolist() == ["1 of 2 (1 not finite)", "1 of 2 (1 not estimated)"]


def test_nothing_is_left_out_where_no_log_likelihood_was_estimated(rows: Any) -> None:
    rows.add(bound=[(100, -21)])
    (row,) = LogLikelihood().table(rows.results()).to_dict("records")
    assert row["estimator"] == ""
    assert row["elbo_test"] == -21
    assert row["not_counted"] == "not estimated"


def test_one_seed_has_no_spread_and_says_so(rows: Any) -> None:
    rows.add(likelihoods={"importance": -20.126})
    report = LogLikelihood()
    table = report.table(rows.results())
    assert table[["log_likelihood_sd", "log_likelihood_low", "log_likelihood_high"]].isna().all(axis=None)
    (shown,) = report.display(table).to_dict("records")
    assert (shown["mean log p(x) (nats)"], shown["sd over seeds (nats)"]) == ("-20.13", "–")
    assert shown["95 % interval of the mean"] == "needs 2 seeds"
    assert shown["seeds"] == "1"


def test_display_keeps_the_three_errors_apart(rows: Any) -> None:
    for seed, value in enumerate([-20.0, -20.3]):
        rows.add(seed=seed, likelihoods={"importance": value}, se=0.02, bound=[(300_000, -21)])
        rows.likelihoods[-1]["points"] = "the same"
        rows.by_point[rows.trials[-1]["trial"], "importance"] = value + np.array([-3.0, 0.0, 3.0])
    report = LogLikelihood()
    (shown,) = report.display(report.table(rows.results())).to_dict("records")
    assert shown["mean log p(x) (nats)"] == "-20.15"
    assert shown["sd over seeds (nats)"] == "0.21"
    assert shown["test-point error (nats)"] == f"{3 / np.sqrt(3):.2f}"
    assert shown["MC error (nats)"] == "0.0141"
    assert shown["samples"] == "3e5"


def test_order(rows: Any) -> None:
    for z in (10, 3):
        for n_train in (5000, 100):
            for name in ("wakesleep", "aevb"):
                rows.add(name, z=z, n_train=n_train, dataset="wakesleep", likelihoods={"importance": -1.0, "hmc": -2.0})
    table = LogLikelihood().table(rows.results())
    keys = list(zip(table["n_train"], table["z"], table["algorithm"], table["estimator"], strict=True))
    assert keys == [
        (n, z, name, estimator)
        for n in (100, 5000)
        for z in (3, 10)
        for name in ("wakesleep", "aevb")
        for estimator in ("importance", "hmc")
    ]


def test_estimators_that_were_not_asked_for_a_latent_size_have_no_row_there(rows: Any) -> None:
    rows.add(z=3, likelihoods={"importance": -1.0, "hmc": -2.0})
    rows.add(z=20, likelihoods={"importance": -1.0})
    table = LogLikelihood().table(rows.results())
    assert list(zip(table["z"], table["estimator"], strict=True)) == [(3, "importance"), (3, "hmc"), (20, "importance")]


def test_only_test_data_count_and_the_last_estimate_of_a_trial(rows: Any) -> None:
    rows.add(likelihoods={"importance": -5.0})
    rows.likelihoods.append({**rows.likelihoods[0], "log_likelihood": -7.0})
    rows.likelihoods.append({**rows.likelihoods[0], "split": "train", "log_likelihood": -3.0})
    assert LogLikelihood().table(rows.results())["log_likelihood"].tolist() == [-7.0]


def test_unequal_training_is_shown(rows: Any) -> None:
    rows.add(seed=0, likelihoods={"importance": -1.0}, bound=[(100_000, -2)])
    rows.add(seed=1, likelihoods={"importance": -1.0}, bound=[(300_000, -2)])
    report = LogLikelihood()
    assert report.display(report.table(rows.results()))["samples"].tolist() == ["1e5 to 3e5"]


def test_warnings_of_an_estimator_are_shown_where_there_are_any(rows: Any) -> None:
    rows.add("aevb", likelihoods={"importance": -1.0})
    report = LogLikelihood()
    assert "warnings" not in report.display(report.table(rows.results()))
    rows.add("mine", likelihoods={"importance": -1.0}, warnings="Too many dimensions.")
    assert report.display(report.table(rows.results()))["warnings"].tolist() == ["", "Too many dimensions."]
    rows.add("mine", 1, likelihoods={"importance": -1.0})
    rows.add("mine", 2, likelihoods={"importance": -1.0}, warnings="Too few draws.")
    shown = report.display(report.table(rows.results()))["warnings"].tolist()
    assert shown == ["", "Too many dimensions. (2 of 3 seeds warn; this is the first.)"]


class Cells(HTMLParser):
    """The text of a table's cells as a browser shows them, and the tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_data(self, data: str) -> None:
        if self.cells:
            self.cells[-1] += data.strip()


@pytest.fixture
def saved(rows: Any, tmp_path: Path) -> dict[str, Path]:
    for seed, value in enumerate([-20.05, -20.15]):
        rows.add(NASTY, seed, likelihoods={"importance": value})
        rows.add(OPTIONS, seed, likelihoods={"importance": value})
        rows.add(MARKUP, seed, likelihoods={"importance": value})
    (made,) = make_reports(rows.results(), ["log_likelihood"], folder=tmp_path / "new")
    return {path.suffix[1:]: path for path in made.paths}


def test_every_format_is_written(saved: dict[str, Path]) -> None:
    assert list(saved) == ["csv", "md", "tex", "html"]
    assert all(path.stat().st_size > 100 for path in saved.values())


def test_csv_holds_unrounded_numbers(saved: dict[str, Path]) -> None:
    table = pd.read_csv(saved["csv"])
    assert table["algorithm"].tolist() == [NASTY, OPTIONS, MARKUP]
    assert table["log_likelihood_sd"].tolist() == pytest.approx([0.1 / np.sqrt(2)] * 3, rel=1e-12)


def test_names_are_text_in_html(saved: dict[str, Path]) -> None:
    page = Cells(saved["html"].read_text())
    assert {NASTY, OPTIONS, MARKUP, "-20.10", "0.07"} <= set(page.cells)
    assert "b" not in page.tags


def test_names_and_numbers_are_text_in_markdown(saved: dict[str, Path]) -> None:
    page = Cells(MarkdownIt("commonmark").enable("table").render(saved["md"].read_text()))
    assert {NASTY, OPTIONS, MARKUP, "-20.10", "0.07"} <= set(page.cells)
    assert not {"b", "em", "a", "code"} & page.tags


def test_names_are_text_in_latex(saved: dict[str, Path]) -> None:
    text = saved["tex"].read_text()
    assert r"\textless{}b\textgreater{}\_\&\%\$\#" in text
    assert r"aevb[learning\_rate=0.02]" in text
    assert r"95 \% interval of the mean" in text
    assert not re.findall(r"(?<!\\)[%$#]", text.replace("$-$", "").replace(r"$\pm$", ""))


def test_trailing_zeros_survive_in_markdown(rows: Any) -> None:
    rows.add(likelihoods={"importance": -20.1}, bound=[(300_000, -21.5)])
    text = contents(LogLikelihood().render(rows.results()), "table", ("md",))["md"].decode()
    cells = [html.unescape(cell.strip()) for cell in text.splitlines()[-1].split("|")]
    assert "-20.10" in cells
    assert "-21.50" in cells
    assert "3e5" in cells


def test_no_trials_no_files(rows: Any, tmp_path: Path) -> None:
    (made,) = make_reports(rows.results(), ["log_likelihood"], ["csv", "html"], tmp_path / "report")
    assert (made.paths, made.error) == ((), None)
    assert not (tmp_path / "report").exists()
