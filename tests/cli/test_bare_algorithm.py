"""An algorithm without any hyperparameter, through every command."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bench as library

PLUGINS = Path(__file__).parent.parent / "plugins"
BARE, BLOBS = PLUGINS / "bare.py", PLUGINS / "blobs.py"
RUN = [
    *("run", "--dataset", BLOBS, "--algos", BARE, "--seeds", 1, "--z", 2, "--likelihood", "importance[num_samples=20]"),
    *("--likelihood-points", 20, "--likelihood-marks", 500, "--backend", "sequential"),
]
Bench = Callable[..., object]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, train: Callable[..., None]) -> Path:
    """A run of 2000 samples at once."""
    folder = tmp_path_factory.mktemp("bare")
    train(folder, *RUN, "--budget", 2000, "--out", "run")
    return folder / "run"


def test_it_is_trained_evaluated_and_tabulated(whole: Path) -> None:
    results = library.load(whole)
    trial = results.trials.iloc[0]
    assert (trial["status"], trial["algorithm"], trial["tuning_samples"]) == ("done", "bare", 0)
    assert pd.isna(trial["learning_rate"])
    assert trial["elbo_test"] > results.trace["elbo_test"].iloc[0] + 0.5
    assert results.likelihood_trace["samples"].tolist() == [700, 700]
    assert len(results.diagnosis) == 1


def test_it_is_resumed_bit_for_bit(bench: Bench, whole: Path, tmp_path: Path) -> None:
    for budget in (700, 2000):
        bench(*RUN, "--budget", budget, "--out", "run")
    one, two = (library.load(path) for path in (whole, tmp_path / "run"))
    clocks = ["train_seconds", "eval_seconds"]
    pd.testing.assert_frame_equal(one.trace.drop(columns=clocks), two.trace.drop(columns=clocks), check_exact=True)
    assert one.trials["log_likelihood_test"].equals(two.trials["log_likelihood_test"])


def test_it_is_estimated_reported_and_shown(bench: Bench, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    bench("estimate", "run", "--trust", "--likelihood", "ais[num_steps=5]", "--points", 5, "--backend", "sequential")
    assert len(library.load(tmp_path / "run").likelihoods) == 2
    bench("report", "run", "--trust", "--only", "what_ran,log_likelihood,latent_space", "--format", "csv,png")
    assert (tmp_path / "run" / "report" / "tables" / "log_likelihood.csv").exists()
    assert (tmp_path / "run" / "report" / "figures" / "latent_space.png").exists()  # its model was built again
    bench("show", BARE)
