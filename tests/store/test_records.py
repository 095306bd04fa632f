"""Records on disk: what is written is read back, and what does not fit is one message."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import pytest
import torch

from bench.errors import Damaged
from bench.plugins import PluginRef
from bench.store.files import write_json
from bench.store.records import (
    DiagnosisRecord,
    EstimateRecord,
    LatentRecord,
    Provenance,
    Source,
    Status,
    TraceRow,
    TrialRecord,
)
from bench.store.trial_folder import TrialFolder
from bench.training.clocks import Clocks, Tuning

ESTIMATE = EstimateRecord(
    *("ais[num_steps=20]", "test", 10, 0, -28.25, 0.02, "lower", 85_140, 0.6, 20_000, "", '{"num_steps": 20}'),
    estimator_seed=7_476_802_575_291_641_379,
    summary={"looseness": 0.004, "divergences": 0.0},
    source=Source(PluginRef("estimator", "ais"), "abc"),
)
OTHER = dataclasses.replace(ESTIMATE, estimator="hmc", log_likelihood=math.nan)
PROVENANCE = Provenance(
    {"algorithm": "abc", "harness": "def"}, "fed", "vm", "Linux", "EPYC", None, "3.11.7", "2.13.0", "2.4.6", "1.17.1"
)
TRIAL = TrialRecord(
    Status.DIVERGED,
    "The bound is nan.",
    budget=20_000,
    clocks=Clocks(100, 1, 200, 0.5, 1.5),
    learning_rate=0.1,
    tuning=Tuning(
        {"learning_rate": "0.1"},
        {"learning_rate=0.01": -20.0, "learning_rate=0.1": -math.inf},
        {"learning_rate=0.01": 5000, "learning_rate=0.1": 5000},
        {"5000": {"learning_rate=0.01": -20.0, "learning_rate=0.1": -math.inf}},
        *(15_000, 30_000, 0.25),
    ),
    device="cpu",
    threads=1,
    jobs=2,
    shown={"bound": math.inf},
    provenance=PROVENANCE,
)
LATENT = LatentRecord(3.5, 0.25, True, 0.7, 0.125, False)
DIAGNOSIS = DiagnosisRecord(
    *("hmc", 10, -27.5, -27.75, -32.5, 0.25, 0.01, 4.75, 0.02, 1, 3.5, 2.25, 0, 0.7, 1.0),
    num_states=None,
    states_in_use=None,
    collapse="",
    samples=20_000,
    latents=(LATENT,),
)


@pytest.fixture
def folder(tmp_path: Path) -> TrialFolder:
    """An empty trial folder."""
    return TrialFolder(tmp_path)


def test_what_is_written_is_read_back(folder: TrialFolder) -> None:
    row = TraceRow(100, 1, 200, 0.5, 1.5, -28.0, diagnostics={"acceptance": 0.9}, estimates=(ESTIMATE,))
    folder.write_status(TRIAL)
    folder.write_trace([row, row])
    folder.write_estimate(ESTIMATE, {"a": torch.zeros(2)})
    folder.write_estimate(OTHER, {"a": torch.ones(2)})
    folder.write_diagnosis(DIAGNOSIS)
    assert folder.read_status() == TRIAL
    assert folder.read_trace() == [row, row]
    first, second = folder.read_estimates()
    assert (first, second.estimator) == (ESTIMATE, "hmc")
    assert math.isnan(second.log_likelihood)
    assert folder.read_estimate_values(OTHER.estimator, OTHER.split)["a"].tolist() == [1, 1]
    assert folder.read_diagnosis() == DIAGNOSIS
    assert json.loads((folder.path / "status.json").read_text())["status"] == "diverged"


def test_nan_survives(folder: TrialFolder) -> None:
    folder.write_trace([TraceRow(0, 0, 0, 0.0, 0.0, objective=math.nan, elbo_train=-math.inf)])
    (row,) = folder.read_trace()
    assert math.isnan(row.objective)
    assert row.elbo_train == -math.inf


def test_a_folder_without_files_is_that_of_a_waiting_trial(folder: TrialFolder) -> None:
    assert folder.read_status() == TrialRecord(Status.WAITING)
    assert folder.read_trace() == []
    assert folder.read_estimates() == ()
    assert folder.read_diagnosis() is None
    assert folder.read_checkpoint() is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ({"status": "dnoe"}, "'dnoe' is not a valid Status"),
        ({"status": "done", "threads": "2"}, "'2' is not of type int"),
        ({"status": "done", "threads": True}, "True is not of type int"),
        ({"status": "done", "thread": 2}, "unknown field 'thread'"),
        ({"status": "done", "tuning": {}}, "missing 1 required positional argument: 'chosen'"),
    ],
)
def test_a_file_that_does_not_fit_is_one_message(folder: TrialFolder, content: dict[str, object], reason: str) -> None:
    write_json(folder.path / "status.json", content, folder.path.name)
    with pytest.raises(Damaged, match=f"status.json is damaged .*{reason}.* the same `bench run` makes it anew"):
        folder.read_status()


def test_a_whole_number_is_a_float_where_one_is_due(folder: TrialFolder) -> None:
    write_json(folder.path / "status.json", {"status": "done", "learning_rate": 1}, folder.path.name)
    assert type(folder.read_status().learning_rate) is float


def test_a_status_knows_what_it_means() -> None:
    ended = {Status.DONE, Status.FAILED, Status.DIVERGED, Status.TIMEOUT, Status.CRASHED}
    assert {status for status in Status if status.has_ended} == ended
    assert {status for status in Status if status.is_finished} == {Status.DONE, Status.DIVERGED}


def test_another_status_keeps_the_rest(folder: TrialFolder) -> None:
    folder.write_status(TRIAL)
    folder.write_status(dataclasses.replace(folder.read_status(), status=Status.INTERRUPTED, reason="Ctrl-C"))
    assert folder.read_status() == dataclasses.replace(TRIAL, status=Status.INTERRUPTED, reason="Ctrl-C")


def test_a_diagnosis_of_before_it_spoke_of_calibration_is_read(folder: TrialFolder) -> None:
    record = dataclasses.asdict(DIAGNOSIS)
    new = ("calibration", "calibration_p", "coverage", "simulated_eubo", "simulated_eubo_se")
    old = {name: value for name, value in record.items() if name not in (*new, "simulated_bound", "simulated_bound_se")}
    assert set(new) <= set(record)
    write_json(folder.path / "diagnosis.json", old, folder.path.name)
    assert folder.read_diagnosis() == DIAGNOSIS
