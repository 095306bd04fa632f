"""Trials that another back end has under way in a run folder are noticed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.errors import StoreError
from bench.execution.backends.sequential import Sequential
from bench.execution.backends.slurm import Slurm
from bench.execution.remote import elsewhere
from bench.store.files import write_json


@pytest.fixture
def job() -> Iterator[str]:
    """The number of a process that looks like a job of submitit's on this machine."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "submitit.core._submit"])
    yield str(process.pid)
    process.kill()
    process.wait()


@pytest.mark.parametrize("root", ["", "z2"])
def test_jobs_are_refused_by_all_but_their_own_back_end_for_the_same_study(root: str, job: str, tmp_path: Path) -> None:
    """A run folder that is a part of a study is run by the command for the study, or by one of its own."""
    whole, part = tmp_path, tmp_path / "z2"
    place = whole / root / "slurm"
    place.mkdir(parents=True)
    note = {"cluster": "local", "jobs": {"a": job, "b": "999999999"}, "arrays": {}}
    write_json(place / "jobs.json", note, "jobs.json")
    own, other = (part, whole) if root else (whole, part)
    for used, command in ((Sequential(), own), (Slurm(), own), (Slurm(cluster="local"), other)):
        with pytest.raises(StoreError, match="1 trial is under way in SLURM jobs"):
            elsewhere.refuse(part, command, used)
    elsewhere.refuse(part, own, Slurm(cluster="local"))
    write_json(place / "jobs.json", note | {"jobs": {}}, "jobs.json")
    elsewhere.refuse(part, own, Sequential())
