"""A run folder that is deleted, moved or replaced while trials run in it: one message, and nothing in its old place."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import bench as library

Bench = Callable[..., subprocess.CompletedProcess[str]]

PLUGINS = Path(__file__).parent.parent / "plugins"
SMALL = ["--dataset", str(PLUGINS / "blobs.py"), "--seeds", "2", "--budget", "200", "--hidden", "5", "--device", "cpu"]
SMALL += ["--likelihood", "importance[num_samples=5]", "--likelihood-points", "5", "--backend", "sequential"]
LEFT = {"delete": [], "move": ["moved"], "file": ["moved", "run"], "folder": ["moved", "run"]}


@pytest.mark.parametrize("how", LEFT)
def test_a_run_without_its_folder_stops_with_one_message(bench: Bench, tmp_path: Path, how: str) -> None:
    meddling = f"{PLUGINS / 'meddling.py'}[how={how}]"
    finished = bench("run", *SMALL, "--algos", meddling, "--out", "run", code=2)
    assert "Error: The run folder 'run' was moved, deleted or replaced while trials ran in it" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == LEFT[how]
    if how == "folder":
        assert not [*(tmp_path / "run").iterdir()]


def test_a_folder_that_is_moved_back_is_continued(bench: Bench, tmp_path: Path) -> None:
    meddling = f"{PLUGINS / 'meddling.py'}[how=move]"
    bench("run", *SMALL, "--algos", meddling, "--out", "run", code=2)
    (tmp_path / "moved").rename(tmp_path / "run")
    (tmp_path / "moved").mkdir()  # by which the algorithm knows that it has done it
    bench("run", *SMALL, "--algos", meddling, "--out", "run")
    assert library.load(tmp_path / "run").trials["status"].tolist() == ["done", "done"]


def test_trials_whose_folders_are_deleted_are_no_success(bench: Bench, tmp_path: Path) -> None:
    meddling = f"{PLUGINS / 'meddling.py'}[folder=run/trials]"
    finished = bench("run", *SMALL, "--algos", meddling, "--out", "run", code=3)
    assert "How it ended could not be written" in finished.stderr
    assert "2 of 2 trials of study.toml have no folder" in finished.stderr
    assert not (tmp_path / "run" / "trials").exists()
