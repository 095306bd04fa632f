"""Data sets that are downloaded, on the command line: from a mirror, and what is said if there is none."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from bench import Study

Bench = Callable[..., subprocess.CompletedProcess[str]]
SHORT = (
    "--algos",
    "aevb",
    "--z",
    "2",
    "--hidden",
    "5",
    "--seeds",
    "1",
    "--budget",
    "100",
    "--tune",
    "paper[samples=100]",
)
HERE = ("--backend", "sequential", "--device", "cpu", "--likelihood", "importance[num_samples=10]")


def table_of(bench: Bench, name: str) -> str:
    """What a short run on a data set prints first."""
    return bench("run", "--dataset", name, *SHORT, *HERE, "--out", "runs/a").stdout.strip().split("\n")[0].strip()


@pytest.mark.parametrize("name", ["kmnist[binarize=dynamic]", "omniglot"])
def test_a_run_on_files_of_the_users(
    bench: Bench, small_files: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("BENCH_DATA_DIR", str(small_files(name.partition("[")[0])))
    assert table_of(bench, name) == f"Log-likelihood of test data ({name})"


@pytest.mark.parametrize("name", ["fashionmnist", "kmnist", "omniglot"])
def test_without_a_network_it_says_what_to_put_where(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("BENCH_DATA_DIR", str(tmp_path))
    for variable in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")  # nothing listens at the discard port
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    said = bench("run", "--dataset", name, *SHORT, *HERE, code=2).stderr
    file = "chardata.mat" if name == "omniglot" else "train-images-idx3-ubyte.gz"
    assert f"Cannot download {file}. Tried:" in said
    assert said.count("cannot be reached") == 2
    assert f"put it into the folder {tmp_path / name}, in that which BENCH_DATA_DIR names" in said


@pytest.mark.parametrize("name", ["ppca", "mixture", "nonlinear[observed=bernoulli,num_samples=100]"])
def test_synthetic_data_say_their_truth(bench: Bench, name: str) -> None:
    run = bench("run", "--dataset", name, *SHORT, *HERE, "--out", "runs/a")
    assert f"Log-likelihood of test data ({name})" in run.stdout
    facts = Study(algos=["aevb"], dataset=name).load_data().facts
    truths = [f"{value:.3f}" for key, value in facts.items() if key.startswith("log_likelihood_test")]
    assert f"The truth has a log-likelihood of {' to '.join(truths)} nats per test datapoint." in run.stderr
