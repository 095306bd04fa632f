"""The references that are shipped: whole, small, and what the present code would make."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

import numpy as np
import pytest

import bench
from bench import plugins
from bench.errors import StoreError
from bench.execution.settings import Settings
from bench.execution.trial import execute
from bench.store import references
from bench.store.records import TraceRow
from bench.store.references import Reference
from bench.store.trial_folder import TrialFolder
from bench.studies import files as study_files
from bench.studies.spec import Choice

AGAIN = (
    "If this change is meant, make the reference again by the commands in docs/references.py (each takes an hour "
    "or more on a core), and look whether the numbers in docs/references.md still hold."
)
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
    assert set(trials["status"]) <= {"done", "diverged"}
    assert (trials["status"] != "done").sum() <= 1
    assert set(trials["algorithm"].str.partition("[")[0]) == set(plugins.find("algorithm"))
    assert trials["seed"].nunique() >= 3
    about = ["torch", "python", "processor", "device", "threads", "data", "data_version", "tune"]
    assert trials[about].notna().all().all()
    assert trials["data_version"].nunique() == 1
    assert trials["reference"].eq("").all()
    for _, rows in trials[trials["status"] == "done"].groupby(["z", "algorithm"]):
        points = results.by_point(rows["trial"], "importance")
        assert points is not None
        assert points.mean(1) == pytest.approx(rows["log_likelihood_test"].to_numpy())
    assert not list(references.unpacked(name).rglob("model.*"))
    assert not list(references.unpacked(name).rglob("checkpoint.*"))


@pytest.mark.parametrize("name", NAMES)
def test_the_plugins_that_made_it_are_the_present_ones(name: str) -> None:
    """Of the harness, which nearly every edit changes, the numbers are compared below instead."""
    trials = bench.load(name).trials
    stale = trials[trials["stale"] != ""]
    changed = {f"{row.stale} ({row.algorithm.partition('[')[0]})" for row in stale.itertuples()}
    assert not changed, (
        f"{len(stale)} of {len(trials)} trials of {name} were made by other code than the present one: "
        f"{', '.join(sorted(changed))}. Users are told that they are stale. {AGAIN.format(name=name)}"
    )


@pytest.mark.parametrize("name", KNOWN)
def test_it_holds_the_trials_of_the_study_of_its_name(name: str, data_dir: Path) -> None:
    _, parts = study_files.read(name).parts("laptop")
    (study,) = parts.values()
    reference = Reference.find(name)
    assert not study.differs_from(reference.study)
    assert (study.budget, study.seeds) == (reference.study.budget, reference.study.seeds)
    specs = study.expand(study.load_data())
    assert {spec.id for spec in specs} == {trial.folder.path.name for trial in reference.trials}
    made_by = reference.trials[0].contents.record.provenance
    assert made_by is not None
    assert study.load_data().fingerprint() == made_by.data_version


@pytest.mark.parametrize("algorithm", plugins.find("algorithm"))
def test_the_present_code_begins_as_the_reference_did(algorithm: str, tmp_path: Path) -> None:
    rows, then = trained_again(algorithm, tmp_path, budget=1585)
    assert [row.samples for row in rows] == [row.samples for row in then]
    assert rows[-1].samples >= 1585
    for row, earlier in zip(rows, then, strict=True):
        here, there = (np.array([each.objective, each.elbo_test or math.nan]) for each in (row, earlier))
        assert here == pytest.approx(there, rel=1e-3, nan_ok=True), AGAIN.format(name=NAMES[0])


def test_the_present_estimator_gives_what_the_reference_has(tmp_path: Path) -> None:
    rows, then = trained_again("aevb", tmp_path, budget=10_000, estimators=("importance",))
    here, there = (np.array([each[-1].log_likelihood_test, each[-1].log_likelihood_train]) for each in (rows, then))
    assert here == pytest.approx(there, rel=1e-3), AGAIN.format(name=NAMES[0])


def trained_again(
    algorithm: str, folder: Path, budget: int, estimators: tuple[str, ...] = ()
) -> tuple[list[TraceRow], list[TraceRow]]:
    """The trace of a trial of the first reference by the present code, and as far of the reference itself."""
    reference = Reference.find(NAMES[0])
    trial = next(each for each in reference.trials if each.labels.algorithm == algorithm)
    spec, record = trial.contents.spec, trial.contents.record
    assert spec is not None
    again = TrialFolder(folder / spec.id)
    again.write_spec(spec)
    chosen = tuple(Choice.parse("estimator", name) for name in estimators)
    marks = (budget,) if chosen else ()
    settings = Settings(budget, chosen, likelihood_marks=marks, tuning=record.tuning, diagnose=False)
    execute(again, spec, settings)
    rows = list(again.read_trace())
    return rows, list(trial.contents.trace[: len(rows)])


def test_packing_a_run_twice_gives_the_same_archive_and_an_unfinished_one_none(tmp_path: Path) -> None:
    run = Path(shutil.copytree(references.unpacked(NAMES[0]), tmp_path / "run"))
    for name in ("one.zip", "two.zip"):
        references.pack(run, tmp_path / name)
    assert (tmp_path / "one.zip").read_bytes() == (tmp_path / "two.zip").read_bytes()
    shutil.rmtree(next((run / "trials").iterdir()))
    with pytest.raises(StoreError, match="is no reference yet"):
        references.pack(run, tmp_path / "three.zip")
    assert not (tmp_path / "three.zip").exists()
