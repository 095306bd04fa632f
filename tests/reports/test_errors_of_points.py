"""The error from having few test points, in the table, in differences and in the answer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

import bench
from bench import plugins
from bench.execution.execution import Execution
from bench.reporting.page.answer import answers

LogLikelihood = plugins.find("report")["log_likelihood"].load()
Differences = plugins.find("report")["differences"].load()
HERE = Execution(backend="sequential")


def add(rows: Any, algorithm: str, values: np.ndarray, points: str = "p") -> None:
    """Trials whose log-likelihoods by seed and test point are ``values`` [S, N]."""
    for seed, each in enumerate(values):
        rows.add(algorithm, seed, likelihoods={"importance": float(each.mean())})
        rows.likelihoods[-1]["points"] = points
        rows.by_point[rows.trials[-1]["trial"], "importance"] = each


def test_three_errors_stand_side_by_side(rows: Any) -> None:
    add(rows, "aevb", np.array([[-20.0, -30.0, -10.0], [-22.0, -32.0, -12.0]]))
    report = LogLikelihood()
    table = report.table(rows.results())
    (row,) = table.to_dict("records")
    assert row["log_likelihood_sd"] == pytest.approx(np.sqrt(2))  # of -20 and -22
    assert row["log_likelihood_points_se"] == pytest.approx(10 / np.sqrt(3))  # the points' means are -21, -31 and -11
    assert row["log_likelihood_se"] == pytest.approx(0.01 / np.sqrt(2))
    # over seeds t(1) = 12.7062 times 1, over points t(2) = 4.3027 times 10 / sqrt(3)
    half = np.sqrt(12.70620474**2 + 4.302652730**2 * 100 / 3)
    assert (row["log_likelihood_low"], row["log_likelihood_high"]) == pytest.approx((-21 - half, -21 + half))
    (shown,) = report.display(table).to_dict("records")
    assert shown["test-point error (nats)"] == "5.77"
    assert shown["MC error (nats)"] == "0.0071"
    assert shown["interval over"] == "seeds and 3 test points"


@pytest.mark.parametrize(("data", "words"), [("aa", "same training data"), ("ab", "training data drawn by seed")])
def test_the_interval_says_whether_seeds_share_their_data(rows: Any, data: str, words: str) -> None:
    add(rows, "aevb", np.array([[-20.0, -30.0], [-22.0, -32.0]]))
    for trial, checksum in zip(rows.trials, data, strict=True):
        trial["data"] = checksum
    report = LogLikelihood()
    (shown,) = report.display(report.table(rows.results())).to_dict("records")
    assert shown["interval over"] == f"seeds and 2 test points; {words}"


def test_without_values_per_point_the_interval_is_over_seeds_and_says_so(rows: Any) -> None:
    for seed, value in enumerate([-20.0, -21.0]):
        rows.add("aevb", seed, likelihoods={"importance": value})
    report = LogLikelihood()
    table = report.table(rows.results())
    assert table["log_likelihood_points_se"].isna().all()
    (shown,) = report.display(table).to_dict("records")
    assert (shown["interval over"], shown["test-point error (nats)"]) == ("seeds", "–")


def test_differences_are_taken_by_seed_and_point(rows: Any) -> None:
    """The points differ by 30 nats and the models by 0.3: no seed's mean shows that, each point does."""
    rng = np.random.default_rng(0)
    hard = 30 * rng.normal(size=(1, 300))
    one, other = (hard + rng.normal(size=(5, 300)) for _ in range(2))
    add(rows, "aevb", one + 0.3)
    add(rows, "mcem", other)
    report = Differences()
    table = report.table(rows.results())
    (row,) = table.to_dict("records")
    assert (row["method"], row["seeds"], row["num_points"]) == ("Student t", 5, 300)
    assert row["low"] < 0.3 < row["high"]
    (shown,) = report.display(table).to_dict("records")
    assert shown["verdict"] == "aevb is better"
    assert shown["interval over"] == "seeds and 300 test points"
    assert "5 pairs of seeds and 300 test points" in answers(rows.results())[0].sentence


def test_a_lead_on_few_points_alone_is_not_sure(rows: Any) -> None:
    """All seeds agree, so that over seeds alone aevb is surely better; but two points decide it."""
    ahead = np.zeros((5, 20)) + 1e-3 * np.arange(5)[:, None]
    ahead[:, :2] = 10
    add(rows, "aevb", -50 + ahead)
    add(rows, "mcem", np.full((5, 20), -50.0))
    report = Differences()
    assert report.display(report.table(rows.results()))["verdict"].tolist() == ["no evidence of a difference"]


def test_values_on_other_points_are_not_compared(rows: Any) -> None:
    add(rows, "aevb", np.full((3, 4), -20.0))
    add(rows, "mcem", np.full((3, 4), -30.0), points="other")
    report = Differences()
    (verdict,) = report.display(report.table(rows.results()))["verdict"]
    assert "test points differ" in verdict


def test_a_run_has_the_values_of_its_tensors(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"algos": "aevb[learning_rate=0.05]", "z": 2, "seeds": 2, "hidden": 5, "budget": 200}
    asked |= {"likelihood": "importance[num_samples=5]", "likelihood_points": 20, "quiet": True, "execution": HERE}
    results = bench.run(**asked, out=tmp_path / "run")
    trials, estimator = results.trials["trial"], "importance[num_samples=5]"
    values = results.by_point(trials, estimator)
    assert values is not None
    assert values.shape == (2, 20)
    np.testing.assert_allclose(values.mean(1), results.trials["log_likelihood_test"])
    error = values.std(1, ddof=1) / np.sqrt(20)
    np.testing.assert_allclose(results.likelihoods["log_likelihood_points_se"], error)
    (path,) = (tmp_path / "run" / "trials" / trials[0]).glob("likelihoods.*")
    assert load_file(path)["log_likelihood"].tolist() == values[0].tolist()
    assert results.by_point(trials, "another") is None
    read = bench.load(tmp_path / "run")
    assert len(read.likelihoods) == 2
    path.write_bytes(path.read_bytes()[:-1])  # after the records have been read
    assert read.by_point(trials, estimator) is None
