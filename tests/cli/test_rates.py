"""Rates and distortions from the command line to the table: those of a model whose log p(x) is known."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench as api

ASKED = ("--algos", "aevb[learning_rate=0.1]", "--dataset", "ppca[rank=2,pixels=8]", "--model", "linear", "--z", "2")
SHORT = (*ASKED, "--seeds", "2", "--budget", "2000", "--n-train", "100", "--likelihood-points", "20", "--out", "run")


@pytest.mark.parametrize("asked", ["run", "estimate"])
def test_curves_are_stored_exported_and_shown(bench: Any, tmp_path: Path, asked: str) -> None:
    annealed = "ais[start=prior,num_steps=60]"
    one = f"exact,{annealed}" if asked == "run" else "exact"
    bench("run", *SHORT, "--backend", "sequential", "--likelihood", one)
    if asked == "estimate":
        bench("estimate", "run", "--likelihood", annealed, "--points", "20", "--backend", "sequential")
    points = pd.read_csv(io.StringIO(bench("export", "run", "--what", "rate_distortion").stdout))
    assert points.groupby(["trial", "estimator", "split"]).size().tolist() == [50, 50]
    bench("report", "run", "--only", "rates,rate_distortion")
    table = pd.read_csv(tmp_path / "run/report/tables/rates.csv")
    assert table["seeds"].tolist() == [2, 2, 2]
    shown = (tmp_path / "run/report/tables/rates.md").read_text().splitlines()
    betas = [row.split("|")[[*map(str.strip, shown[0].split("|"))].index("beta")].strip() for row in shown[2:]]
    assert betas == [f"{beta:.3g}" for beta in table["beta"]]
    assert table["rate"].is_monotonic_increasing
    assert table["distortion"].is_monotonic_decreasing
    likelihoods = api.load(tmp_path / "run").likelihoods
    exact = likelihoods.loc[likelihoods["estimator"] == "exact", "log_likelihood"].mean()
    assert table["rate"].iloc[-1] + table["distortion"].iloc[-1] == pytest.approx(-exact, abs=0.3)
    assert list((tmp_path / "run/report/figures").glob("rate_distortion.*"))


def test_nothing_is_shown_without_such_an_estimate(bench: Any, tmp_path: Path) -> None:
    bench("run", *SHORT, "--backend", "sequential", "--likelihood", "exact")
    assert len(bench("export", "run", "--what", "rate_distortion").stdout.splitlines()) == 1
    bench("report", "run", "--only", "rates,rate_distortion")
    assert not list((tmp_path / "run/report").rglob("rate*"))
