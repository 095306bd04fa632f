"""The datapoints that models are evaluated on: a random subset that depends on the data set alone."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import bench
from bench.dataset import Data
from bench.execution import points
from bench.execution.execution import Execution
from bench.store import study_file
from bench.store.records import TrialRecord
from bench.studies.spec import TrialSpec
from bench.studies.study import Study

CPU = torch.device("cpu")
HERE = Execution(backend="sequential")
SMALL: dict[str, Any] = {"algos": "aevb[learning_rate=0.05]", "z": 2, "seeds": 2, "hidden": 5, "budget": 200}
SMALL |= {"likelihood": "importance[num_samples=5]", "quiet": True, "execution": HERE}


def numbered(num_train: int = 500, num_test: int = 400) -> Data:
    """Data whose only pixel is the number of the datapoint."""
    train, test = torch.arange(float(num_train))[:, None], torch.arange(float(num_test))[:, None]
    return Data(train, test, (1, 1), "gaussian", pixels="numbers", bounded=False)


def spec(**fields: Any) -> TrialSpec:
    study = Study(**{"seeds": (0,), "algos": ("aevb[learning_rate=0.1]",), **fields})
    return study.expand(study.load_data())[0]


def taken(spec: TrialSpec, count: int, split: str = "test", **sizes: int) -> list[int]:
    return [int(x) for x in points.evaluated(spec, numbered(**sizes), CPU, count)[split][:, 0]]


def test_the_points_depend_on_the_data_set_alone() -> None:
    first, other = (
        spec(),
        spec(algos=("wakesleep[learning_rate=0.1]",), z=(7,), seeds=(5,), dataset="digits[binarize=static]"),
    )
    assert taken(first, 100) == taken(other, 100)
    assert taken(first, 100) != taken(spec(dataset="ppca"), 100)


def test_more_points_keep_those_that_fewer_have() -> None:
    few, many = taken(spec(), 20), taken(spec(), 300)
    assert many[:20] == few
    assert len(set(many)) == 300


@pytest.mark.parametrize("count", [400, 10**6, points.ALL])
def test_all_points_are_all_points(count: int) -> None:
    assert sorted(taken(spec(), count)) == list(range(400))


def test_training_points_are_among_those_that_are_trained_on() -> None:
    small = dataclasses.replace(spec(), n_train=50)
    assert set(taken(small, 30, "train")) < set(range(50))
    assert sorted(taken(small, points.ALL, "train")) == list(range(50))


def test_the_first_points_are_no_more_likely_than_others() -> None:
    """Of 300 of 10,000 about 9 are among the first 300: P(more than 22) is below 1e-4."""
    chosen = taken(spec(), 300, num_test=10_000)
    assert sum(index < 300 for index in chosen) <= 22
    assert abs(np.mean(chosen) - 4999.5) < 3 * 10_000 / np.sqrt(12 * 300)


@pytest.mark.data
def test_mean_ink_of_the_subset_is_that_of_all_test_images() -> None:
    """Every fixed statistic has the same mean on the subset as on all test data, up to its standard error."""
    study = Study(dataset="mnist", algos=("aevb[learning_rate=0.02]",), seeds=(0,))
    data = study.load_data()
    trial = study.expand(data)[0]
    for count in (300, 1000):
        chosen = points.evaluated(trial, data, CPU, count)["test"]
        for statistic in (lambda x: x.mean(1), lambda x: x[:, 28 * 10 : 28 * 12].mean(1)):
            every, subset = statistic(data.x_test), statistic(chosen)
            assert abs(subset.mean() - every.mean()) < 3 * every.std() / count**0.5


def test_the_whole_test_data_can_be_asked_for_and_nothing_is_done_twice(tmp_path: Path) -> None:
    results = bench.run(**SMALL, likelihood_points="all", eval_points="all", out=tmp_path / "run")
    assert results.study.likelihood_points == results.study.eval_points == 0
    assert results.likelihoods["num_points"].tolist() == [297, 297]
    assert (results.likelihoods["points"].str.len() == 16).all()
    assert bench.estimate(tmp_path / "run", points="all", quiet=True, execution=HERE) == []
    estimated = bench.estimate(
        tmp_path / "run", "importance[num_samples=6]", points="all", split="train", quiet=True, execution=HERE
    )
    assert [each.estimates[0].num_points for each in estimated] == [1500, 1500]


def test_what_an_older_version_estimated_on_other_points_is_estimated_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        older.setattr("bench.execution.evaluation.fingerprint", lambda _: "")
        bench.run(**SMALL, likelihood_points=10, out=tmp_path / "run")
    assert len(bench.estimate(tmp_path / "run", quiet=True, execution=HERE)) == 2
    assert bench.estimate(tmp_path / "run", quiet=True, execution=HERE) == []


def test_a_study_that_is_told_from_its_trials_still_wants_all_points() -> None:
    told = study_file.from_trials([(spec(), TrialRecord(eval_points=0, likelihood_points=0))])
    assert told is not None
    assert (told.eval_points, told.likelihood_points) == (0, 0)
