"""Several commands on one run folder at once, and folders of other formats."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import bench
from bench.errors import StoreError
from bench.execution.execution import Execution

HERE = Execution(backend="sequential")


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Two trained models."""
    asked = {"algos": "aevb[learning_rate=0.02]", "z": 2, "seeds": 2, "n_train": 50, "hidden": 3, "budget": 200}
    estimator = "importance[num_samples=5,proposal=encoder]"
    bench.run(**asked, likelihood=estimator, likelihood_points=4, out=tmp_path / "run", execution=HERE, quiet=True)
    return tmp_path / "run"


def test_estimates_made_at_once_are_all_kept(run: Path, tmp_path: Path) -> None:
    """Each by its own process, and the same ones one after the other in a copy: nothing is lost, nothing differs."""
    alone = Path(shutil.copytree(run, tmp_path / "alone"))
    names = [f"importance[num_samples={count},proposal=encoder]" for count in (2, 3, 4)]
    command = [sys.executable, "-m", "bench", "estimate", str(run), "--backend", "sequential", "--likelihood"]
    started = [
        subprocess.Popen([*command, name], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env={**os.environ})
        for name in (*names, names[0])
    ]
    assert [each.wait(timeout=200) for each in started] == [0, 0, 0, 0]
    for name in names:
        bench.estimate(alone, [name], execution=HERE, quiet=True)
    one, other = (bench.load(folder).likelihoods.drop(columns="seconds") for folder in (run, alone))
    assert len(one) == 2 * 4
    assert one["estimator"].iloc[0] == "importance[num_samples=5,proposal=encoder]"  # the study's comes first
    assert one.equals(other)


def test_a_folder_of_format_2_is_one_message_and_its_study_can_be_run_anew(tmp_path: Path) -> None:
    """It was written by the commit before format 3."""
    old = Path(__file__).parent / "format2"
    for read in (bench.export, bench.estimate, lambda folder: bench.load(folder).trials):
        with pytest.raises(StoreError, match=r"is of format 2, and this version of bench reads format 3: .* it anew"):
            read(old)
    copy = Path(shutil.copytree(old, tmp_path / "old"))
    with pytest.raises(StoreError, match="is of format 2"):
        bench.run(str(copy / "study.toml"), out=copy, execution=HERE, quiet=True)
    found = bench.run(str(copy / "study.toml"), out=tmp_path / "new", execution=HERE, quiet=True).trials
    assert found["status"].tolist() == ["done"]
    (status,) = old.glob("trials/*/status.json")
    assert found["samples"].tolist() == [json.loads(status.read_text(encoding="utf-8"))["clocks"]["samples"]]
