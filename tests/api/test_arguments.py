"""What the Python API is given: numbers and arrays of any library are taken as they are meant, or refused."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

import bench
from bench.algorithms.aevb import AEVB
from bench.errors import UsageError
from bench.studies.study import Study

HERE = bench.Execution(backend="sequential", device="cpu")
SMALL: dict[str, Any] = {"algos": "aevb[learning_rate=0.02]", "budget": 100, "hidden": 5, "z": 2, "quiet": True}
SMALL |= {"likelihood": "importance[num_samples=5]", "likelihood_points": 5, "execution": HERE}
X = np.random.default_rng(0).random((30, 6)).astype(np.float32)


def aevb(**arguments: Any) -> AEVB:
    return AEVB(**{"latent_size": 2, "model": "mlp[hidden=5]", "learning_rate": 0.1, "device": "cpu", **arguments})


def fitted(x: Any) -> torch.Tensor:
    return torch.cat([p.detach().reshape(-1) for p in aevb().fit(x, budget=300).model.parameters()])


@pytest.mark.parametrize(
    "given",
    [
        X[::-1, ::-1].copy()[::-1, ::-1],
        np.asfortranarray(X),
        X.astype(">f4"),
        X.astype(object),
        X.astype(np.longdouble),
        pd.DataFrame(X),
        pd.DataFrame(X).astype("Float32"),
        np.ma.masked_array(X, mask=False),
        torch.tensor(X).to_sparse(),
        X.tolist(),
    ],
    ids=[
        "negative strides",
        "Fortran",
        "big-endian",
        "object",
        "long",
        "frame",
        "nullable",
        "masked",
        "sparse",
        "list",
    ],
)
def test_the_same_numbers_in_any_container_give_the_same_weights(given: Any) -> None:
    assert torch.equal(fitted(given), fitted(torch.tensor(X)))


def test_columns_in_reverse_are_another_data_set() -> None:
    assert torch.equal(fitted(X[:, ::-1]), fitted(X[:, ::-1].copy()))
    assert not torch.equal(fitted(X[:, ::-1]), fitted(X))


def test_a_read_only_array_is_left_alone() -> None:
    x = X.copy()
    x.flags.writeable = False
    assert torch.equal(fitted(x), fitted(X))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (scipy.sparse.csr_array(X), "give x.toarray()"),
        ([[1, 2], [3]], "rectangular array"),
        (np.array([[1], [1, 2]], dtype=object), "rectangular array"),
        (np.ma.masked_array(X, mask=X > 0.9), "masked values"),
        (pd.DataFrame(X).astype("Float32").where(X < 0.9), "without missing values"),
        (pd.DataFrame({"a": [1, 2], "b": ["x", "y"]}), "real numbers"),
        (X.astype(complex), "real numbers"),
        (X.astype(str), "real numbers"),
        (torch.tensor(X).to(torch.complex64), "real numbers"),
        (np.full((3, 3), 1e300), "cannot hold"),
        (np.full((3, 3), np.nan), "9 NaN or infinite values"),
        (np.array([[0.5, 1.0000001]]), "(got 0.5 to 1.00000012)"),
        (None, "[N, D]"),
        ("x.npy", "real numbers"),
        ({"a": [1]}, "real numbers"),
    ],
)
def test_what_is_no_data_set_is_refused(given: Any, words: str) -> None:
    with pytest.raises(UsageError) as refused:
        aevb().fit(given, budget=100)
    assert "`x`" in str(refused.value)
    assert words in str(refused.value)


@pytest.mark.parametrize("budget", ["100", None, float("inf"), float("nan"), True, 2.5, 0, -1, 10**400])
def test_a_budget_that_is_no_number_of_samples_is_refused(budget: Any) -> None:
    with pytest.raises(UsageError, match="`budget` must be a number of training samples, at least 1"):
        aevb().fit(X, budget=budget)


def test_integers_of_numpy_are_integers() -> None:
    algorithm = aevb(latent_size=np.int64(2), seed=np.uint8(1), batch_size=np.int32(10)).fit(X, budget=np.int64(100))
    again = aevb(seed=1, batch_size=10).fit(X, budget=1e2)
    assert torch.equal(*(next(iter(each.model.parameters())) for each in (algorithm, again)))
    estimate = algorithm.estimate_log_likelihood(X[:3], seed=np.int64(3))
    assert torch.equal(estimate.log_likelihoods, again.estimate_log_likelihood(X[:3], seed=3).log_likelihoods)
    assert bench.Execution(jobs=np.int64(2)).workers.count == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"latent_size": "2"}, "`latent_size` must be an integer of at least 1 (got '2')"),
        ({"latent_size": 2.5}, "`latent_size`"),
        ({"latent_size": np.True_}, "`latent_size`"),
        ({"seed": None}, "`seed` must be an integer (got None)"),
        ({"seed": 0.5}, "`seed`"),
        ({"device": None}, "`device`"),
        ({"device": "meta"}, "`device` must be auto or one of cpu"),
        ({"model": 3}, "write name or name[key=value,...]"),
        ({"decoder": None}, "write name or name[key=value,...]"),
        ({"batch_size": np.True_}, "`batch_size`"),
        ({"batch_size": np.ones(3)}, "`batch_size`"),
        ({"learning_rate": 10**400}, "`learning_rate`"),
        ({"learning_rate": 1j}, "`learning_rate`"),
        ({"optimiser": ["adam"]}, "`optimiser`"),
    ],
)
def test_an_algorithm_refuses(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        aevb(**arguments)
    assert words in str(refused.value)


def test_other_data_than_the_models_are_refused() -> None:
    algorithm = aevb().fit(X, budget=100)
    with pytest.raises(UsageError, match=r"`x` must have 6 values per row.*\(30, 5\)"):
        algorithm.estimate_log_likelihood(X[:, :5])
    with pytest.raises(UsageError, match="`model` must be a LatentVariableModel"):
        bench.estimate_log_likelihood(algorithm, X)  # type: ignore[arg-type]  # what users get wrong
    with pytest.raises(UsageError, match="`seed` must be an integer"):
        bench.estimate_log_likelihood(algorithm.model, X, seed="1")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"seeds": 3}, {"seeds": (0, 1, 2)}),
        ({"seeds": "3"}, {"seeds": (0, 1, 2)}),
        ({"seeds": "3,"}, {"seeds": (3,)}),
        ({"seeds": [3]}, {"seeds": (3,)}),
        ({"seeds": np.arange(2)}, {"seeds": (0, 1)}),
        ({"seeds": np.int64(2)}, {"seeds": (0, 1)}),
        ({"seeds": range(2)}, {"seeds": (0, 1)}),
        ({"seeds": pd.Series([4, 2])}, {"seeds": (4, 2)}),
        ({"z": "3,10", "budget": "1e6"}, {"z": (3, 10), "budget": 1_000_000}),
        ({"z": np.array(3), "budget": 1e6}, {"z": (3,), "budget": 1_000_000}),
        ({"algos": "aevb,mcem[batch_size=10,num_samples=2]"}, {"algos": ("aevb", "mcem[batch_size=10,num_samples=2]")}),
    ],
)
def test_a_study_takes_values_as_they_are_meant(fields: dict[str, Any], expected: dict[str, Any]) -> None:
    study = Study(**fields)
    assert {name: getattr(study, name) for name in expected} == expected
    assert all(type(number) is int for number in (*study.seeds, *study.z, study.budget))


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"seeds": [[0]]}, "`seeds` must be an integer of at least 0 (got [0])"),
        ({"seeds": 10**9}, "`seeds` must be an integer of at most 100,000"),
        ({"seeds": 0}, "`seeds` must be an integer of at least 1"),
        ({"seeds": True}, "`seeds`"),
        ({"seeds": None}, "`seeds`"),
        ({"seeds": {"a": 1}}, "`seeds`"),
        ({"seeds": 10**5, "z": [1, 2]}, "at most 100,000 trials (got 600,000)"),
        ({"z": 10**400}, "`z` must be an integer of at most 100,000"),
        ({"z": []}, "`z` is empty"),
        ({"budget": float("inf")}, "`budget`"),
        ({"budget": 10**400}, "`budget` must be an integer of at most"),
        ({"budget": "many"}, "`budget` must be an integer of at least 1 (got 'many')"),
        ({"dataset": "a\0b"}, "`dataset` must be text"),
        ({"dataset": "a\ud800"}, "`dataset` must be text"),
        ({"algos": b"aevb"}, "`algos` must be text"),
    ],
)
def test_a_study_refuses(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError) as refused:
        Study(**fields)
    assert words in str(refused.value)


def test_run_takes_an_array_of_seeds(tmp_path: Path) -> None:
    results = bench.run(**SMALL, seeds=np.arange(2), out=tmp_path / "run")
    assert results.trials[["seed", "status"]].to_numpy().tolist() == [[0, "done"], [1, "done"]]


WRONG: list[tuple[Callable[..., object], dict[str, Any], str]] = [
    (bench.run, {"study": 5}, "`study` must be a name"),
    (bench.run, {"study": "x" * 300}, "`study`"),
    (bench.run, {"size": 3}, "`size` 3 needs the name of a study"),
    (bench.run, {"execution": "loky"}, "`execution` must be a bench.Execution"),
    (bench.run, {"out": 3}, "`out` 3 cannot be used"),
    (bench.run, {"out": "a\0b"}, "`out`"),
    (bench.run, {"out": "x" * 300}, "File name too long"),
    (bench.run, {"out": "~nouser/run"}, "home directory"),
    (bench.run, {"out": "a_file/run"}, "cannot be written"),
    (bench.load, {"path": 3}, "`run` 3 cannot be used"),
    (bench.load, {"path": "a\0b"}, "`run`"),
    (bench.estimate, {"run": "none", "points": 1}, "is not a run folder"),
    (bench.estimate, {"run": "run", "points": -1}, "`points`"),
    (bench.estimate, {"run": "run", "points": "10"}, "`points`"),
    (bench.estimate, {"run": "run", "split": "validation"}, "`split` must be test or train"),
    (bench.estimate, {"run": "run", "likelihood": 3}, "`likelihood` must be names"),
    (bench.estimate, {"run": "run", "execution": 2}, "`execution`"),
    (bench.compare, {"base": "run", "new": "run", "min_nats": "x"}, "`min_nats` must be a number"),
    (bench.compare, {"base": "run", "new": "run", "min_nats": float("nan")}, "`min_nats`"),
    (bench.compare, {"base": "run", "new": "run", "false_alarms": None}, "`false_alarms` must be a number"),
    (bench.compare, {"base": "run", "new": "run", "timings": 1}, "`timings`"),
    (bench.export, {"run": "run", "what": "weights"}, "`what` must be trials"),
    (bench.export, {"run": "run", "format": "xlsx"}, "`format` must be csv"),
    (bench.export, {"run": "run", "out": "x.xlsx"}, "`out` must end in .csv, .csv.gz"),
    (bench.export, {"run": "run", "out": "~nouser/x.csv"}, "home directory"),
    (bench.report, {"run": "run", "names": 3}, "`names` must be names"),
    (bench.report, {"run": "run", "formats": "docx"}, "choose among"),
    (bench.report, {"run": "run", "names": "log_likelihood", "out": "a_file"}, "cannot be written"),
    (bench.report, {"run": "run", "out": "x" * 300}, "File name too long"),
]


@pytest.mark.parametrize(("function", "arguments", "words"), WRONG)
def test_the_api_refuses(
    trained_run: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: Callable[..., object],
    arguments: dict[str, Any],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a_file").write_text("")
    (tmp_path / "run").symlink_to(trained_run)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError) as refused:
        function(**(SMALL if function is bench.run else {}) | arguments)
    assert words in str(refused.value)
    assert sorted(tmp_path.rglob("*")) == before
