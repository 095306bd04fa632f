"""The references that are shipped: whole, small, and what the present code would make."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import bench
from bench.errors import StoreError
from bench.execution.settings import Settings
from bench.execution.trial import execute
from bench.store import references
from bench.store.references import Reference
from bench.store.trial_folder import TrialFolder
from bench.studies import files as study_files

NAMES = ["reference-digits", "reference-mnist"]
KNOWN = [pytest.param(NAMES[0]), pytest.param(NAMES[1], marks=pytest.mark.data)]  # whose data are there


def test_there_are_two_and_they_are_small() -> None:
    assert references.shipped_names() == NAMES
    assert sum((study_files.SHIPPED / f"{name}.zip").stat().st_size for name in NAMES) < 3_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_reference_is_whole_and_says_what_made_it(name: str) -> None:
    results = bench.load(name)
    trials = results.trials
    assert not results.damage
    assert (trials["status"] == "done").all()
    assert trials["algorithm"].str.partition("[")[0].unique().tolist() == [
        *("aevb", "wakesleep", "mcem", "fullvb", "aae", "vqvae")
    ]
    assert trials["seed"].nunique() >= 3
    about = ["torch", "python", "processor", "device", "threads", "data", "data_version", "tune"]
    assert trials[about].notna().all().all()
    assert trials["data_version"].nunique() == 1
    assert trials["reference"].eq("").all()
    assert "harness" not in " ".join(results.changed_since.values())  # its numbers are compared below instead
    for _, rows in trials.groupby(["z", "algorithm"]):
        points = results.by_point(rows["trial"], "importance")
        assert points is not None
        assert points.mean(1) == pytest.approx(rows["log_likelihood_test"].to_numpy())
    assert not list(references.unpacked(name).rglob("model.*"))
    assert not list(references.unpacked(name).rglob("checkpoint.*"))


@pytest.mark.parametrize("name", KNOWN)
def test_it_holds_the_trials_of_the_study_of_its_name(name: str, data_dir: Path) -> None:
    _, parts = study_files.read(name).parts("laptop")
    (study,) = parts.values()
    reference = Reference.find(name)
    assert not study.differs_from(reference.study)
    assert (study.budget, study.seeds) == (reference.study.budget, reference.study.seeds)
    specs = study.expand(study.load_data(0))
    assert {spec.id for spec in specs} == {trial.folder.path.name for trial in reference.trials}
    made_by = reference.trials[0].contents.record.provenance
    assert made_by is not None
    assert study.load_data(0).fingerprint() == made_by.data_version


@pytest.mark.parametrize("algorithm", ["aevb", "wakesleep", "mcem", "fullvb", "aae", "vqvae"])
def test_the_present_code_begins_as_the_reference_did(algorithm: str, tmp_path: Path) -> None:
    """If this fails because numbers are meant to change, references have to be made again: docs/references.py."""
    trial = next(each for each in Reference.find(NAMES[0]).trials if each.labels.algorithm == algorithm)
    spec, record = trial.contents.spec, trial.contents.record
    assert spec is not None
    folder = TrialFolder(tmp_path / spec.id)
    folder.write_spec(spec)
    execute(folder, spec, Settings(budget=1585, estimators=(), tuning=record.tuning, diagnose=False))
    rows = folder.read_trace()
    assert [row.samples for row in rows] == [row.samples for row in trial.contents.trace[: len(rows)]]
    assert rows[-1].samples >= 1585
    for row, then in zip(rows, trial.contents.trace, strict=False):
        here, there = (np.array([each.objective, each.elbo_test or math.nan]) for each in (row, then))
        assert here == pytest.approx(there, rel=1e-3, nan_ok=True)


def test_packing_a_run_twice_gives_the_same_archive_and_an_unfinished_one_none(tmp_path: Path) -> None:
    run = Path(shutil.copytree(references.unpacked(NAMES[0]), tmp_path / "run"))
    for name in ("one.zip", "two.zip"):
        references.pack(run, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    shutil.rmtree(next((run / "trials").iterdir()))
    with pytest.raises(StoreError, match="is no reference yet"):
        references.pack(run, tmp_path / "three.zip")
    assert not (tmp_path / "three.zip").exists()
