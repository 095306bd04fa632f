"""Every kind of stored file, damaged in every way: it costs its trial alone, is named, and the same command heals it.

A part of the cases runs by default; all of them with ``BENCH_ALL_DAMAGE=1``, which prints what was tried.
"""

from __future__ import annotations

import json
import os
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

import bench
from bench import plugins
from bench.cli import cli, terminal
from bench.errors import UsageError
from bench.store.files import read_json, write_json

ALL = bool(os.environ.get("BENCH_ALL_DAMAGE"))
NUM_FLIPS = 57 if ALL else 2  # single bytes of each file
KINDS = (
    *("study.toml", "spec.json", "status.json", "trace.jsonl", "diagnosis.json"),
    *("likelihoods.*.safetensors", "model.safetensors", "checkpoint.safetensors"),
)
SHOWN = ("study.toml", *KINDS[1:6])  # what tables are made of: a report of tables reads nothing else
WAYS = ("emptied", "halved", "other JSON", "another trial's", "deleted", "a folder")
STUDY = ("--algos", "aevb[learning_rate=0.02]", "--z", "2", "--seeds", "3", "--n-train", "50", "--hidden", "3")
STUDY += ("--budget", "300", "--eval-points", "20", "--likelihood-points", "4")
STUDY += ("--likelihood", "importance[num_samples=5,proposal=encoder]", "--backend", "sequential")
MORE = "importance[num_samples=4,proposal=encoder]"  # that `bench estimate` adds
TABLES = ("trials", "trace", "diagnostics", "likelihoods", "diagnosis", "latents")
TIMED = ("second", "cpu_share")


@dataclass(frozen=True)
class Damage:
    """One file of one trial, and what happens to it; ``flip`` is the number of the byte that is flipped."""

    kind: str
    way: str
    flip: int = 0

    def __str__(self) -> str:
        """For the name of a test."""
        return f"{self.kind} {self.way}{self.flip or ''}"

    def to(self, run: Path, trial: str) -> None:
        """Do it."""
        (path,) = run.glob(self.kind) if self.kind == "study.toml" else (run / "trials" / trial).glob(self.kind)
        content = path.read_bytes()
        others = [each for each in run.glob(f"trials/*/{self.kind}") if each != path]
        path.unlink()
        if self.way == "a folder":
            path.mkdir()
        elif self.way == "halved":
            path.write_bytes(content[: len(content) // 2])
        elif self.way == "other JSON":
            path.write_text(json.dumps({"status": "done", "samples": 3, "rows": [1, 2, 3]}) + "\n")
        elif self.way == "another trial's":
            path.write_bytes(others[0].read_bytes() if others else b"budget = 7\n")
        elif self.way == "flipped":
            dice = random.Random(f"{self.kind} {self.flip}")  # noqa: S311  # no secret
            place = dice.randrange(len(content))
            flipped = bytes([content[place] ^ (1 << dice.randrange(8))])
            path.write_bytes(content[:place] + flipped + content[place + 1 :])
        elif self.way == "emptied":
            path.write_bytes(b"")


EVERY = [
    *(Damage(kind, way) for kind in KINDS for way in WAYS),
    *(Damage(kind, "flipped", flip) for kind in KINDS for flip in range(1, NUM_FLIPS + 1)),
]
CASES = EVERY if ALL else EVERY[::3]


@pytest.fixture(autouse=True, scope="module")
def few() -> Iterator[None]:
    """Only these reports are installed, and looked for once: both take longer than all else."""
    find = cache(plugins.find)
    installed = {name: find("report")[name] for name in ("log_likelihood", "what_ran")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "QUICK_FORMATS", ("csv", "md"))
        patch.setattr(plugins, "find", lambda kind: installed if kind == "report" else find(kind))
        yield


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of three tiny trials, as it was written."""
    run = tmp_path_factory.mktemp("whole") / "run"
    assert (made := call("run", *STUDY, "--out", run)).exit_code == 0, (made.output, made.exception)
    return run


@pytest.fixture
def run(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def call(*arguments: object) -> Result:
    """The command, in this process; a request that is refused is an exit code, as `main` makes it."""
    result = CliRunner().invoke(cli, [*map(str, arguments)], standalone_mode=False)
    if isinstance(result.exception, UsageError):
        result.exit_code = 2
    elif isinstance(result.exception, SystemExit):
        pass
    elif result.exception is not None:
        raise result.exception
    elif isinstance(result.return_value, int):
        result.exit_code = result.return_value
    return result


@pytest.fixture(scope="module")
def expected(whole: Path) -> dict[str, pd.DataFrame]:
    """The content of the run."""
    return frames(whole)


def frames(run: Path) -> dict[str, pd.DataFrame]:
    results = bench.load(run)
    return {name: getattr(results, name) for name in TABLES}


def same(one: pd.DataFrame, other: pd.DataFrame, *, timed: bool = True) -> None:
    """Whether two frames are equal to the last bit, seconds included if ``timed``."""
    left_out = [] if timed else [name for name in one if any(word in name for word in TIMED)]
    one, other = (frame.drop(columns=left_out).reset_index(drop=True) for frame in (one, other))
    pd.testing.assert_frame_equal(one, other, check_exact=True, check_dtype=False)


def trial_of(whole: Path) -> str:
    return sorted(path.name for path in (whole / "trials").glob("*"))[1]


@pytest.mark.parametrize("damage", CASES, ids=str)
def test_damage_costs_its_trial_alone_is_named_and_healed(
    run: Path, whole: Path, expected: dict[str, pd.DataFrame], damage: Damage, tmp_path: Path
) -> None:
    trial = trial_of(whole)
    damage.to(run, trial)
    name = damage.kind.partition("*")[0].rstrip(".")
    export = call("export", run)
    compare = call("compare", whole, run)
    report = call("report", run, "--only", "what_ran,log_likelihood", "--format", "md")
    estimate = call("estimate", run, "--likelihood", MORE, "--backend", "sequential")
    assert [each.exit_code for each in (export, compare, report)] == [0, 0, 0]
    found = frames(run)
    if damage.kind in SHOWN:
        assert all(name in each.stderr and "damaged" in each.stderr for each in (export, compare, report))
    if damage.kind in SHOWN[1:]:  # the trial is a row that says why it has no number; the others are as they were
        row = found["trials"].set_index("trial").loc[trial]
        assert row["status"] == "damaged"
        assert name in row["reason"]
        assert {each["trial"].nunique() for each in found.values() if len(each)} == {2, 3}
        for table, frame in found.items():
            numbers = frame[frame["trial"] != trial]
            before = expected[table][expected[table]["trial"] != trial]
            numbers = numbers[~numbers.get("estimator", pd.Series("", numbers.index)).eq(MORE)]
            same(numbers[before.columns], before)
        assert estimate.exit_code == 3
        assert name in estimate.stderr
    else:  # no number depends on this file
        for table in ("trials", "trace", "diagnosis"):
            same(found[table], expected[table])
        assert estimate.exit_code == (3 if damage.kind == "model.safetensors" and damage.way != "deleted" else 0)
    healed = call("run", *STUDY, "--out", run)
    assert healed.exit_code == 0, healed.output
    nothing_lacks = damage == Damage("checkpoint.safetensors", "deleted")  # without it a trial starts again
    assert damage.kind == "study.toml" or nothing_lacks or name in healed.stderr
    for table, frame in frames(run).items():
        kept = frame.drop(columns=frame.columns.difference(expected[table].columns))
        if table == "likelihoods":
            kept = kept[kept["estimator"] != MORE]
        same(kept[kept["trial"] != trial], expected[table][expected[table]["trial"] != trial])
        same(kept, expected[table], timed=False)
    for tensors in ("model", "checkpoint"):
        if damage.kind != "checkpoint.safetensors":
            one, other = ((folder / "trials" / trial / f"{tensors}.safetensors") for folder in (run, whole))
            assert tensors == "checkpoint" or one.read_bytes() == other.read_bytes()
    again = call("run", *STUDY, "--out", run)
    assert "Nothing to do" in again.stderr
    assert "damaged" not in again.stderr


@pytest.mark.parametrize("kind", KINDS[2:] if ALL else ("trace.jsonl", "checkpoint.safetensors"))
def test_a_damaged_trial_is_extended_as_if_nothing_had_been(
    run: Path, longer: dict[str, pd.DataFrame], whole: Path, kind: str
) -> None:
    """From the last checkpoint, or from the start if that is damaged, or nothing is known of how it was made."""
    Damage(kind, "flipped", 1).to(run, trial_of(whole))
    assert call("run", *STUDY, "--budget", "700", "--out", run).exit_code == 0
    for table, frame in frames(run).items():
        same(frame, longer[table], timed=False)


@pytest.fixture(scope="module")
def longer(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """The larger budget, asked for at once."""
    run = tmp_path_factory.mktemp("longer") / "run"
    assert call("run", *STUDY, "--budget", "700", "--out", run).exit_code == 0
    return frames(run)


@pytest.mark.parametrize("file", ["spec.json", "status.json"])
def test_a_file_of_another_trial_is_noticed(run: Path, whole: Path, file: str) -> None:
    """Each file knows whose it is."""
    one, other = (run / "trials" / name for name in sorted(path.name for path in (whole / "trials").iterdir())[:2])
    first, second = ((folder / file).read_bytes() for folder in (one, other))
    (one / file).write_bytes(second)
    (other / file).write_bytes(first)
    trials = bench.load(run).trials.set_index("trial")["status"]
    assert trials[[one.name, other.name]].tolist() == ["damaged", "damaged"]


def test_another_study_does_not_take_the_place_of_a_damaged_one(run: Path) -> None:
    (run / "study.toml").write_text("budget = ")
    refused = call("run", *STUDY, "--z", "3", "--out", run)
    assert refused.exit_code == 2
    assert "holds trials of another study" in str(refused.exception)
    assert call("run", *STUDY, "--seeds", "1", "--out", run).exit_code == 0
    assert len(bench.load(run).trials) == 3
    assert bench.load(run).study.seeds == (0, 1, 2)


def test_a_trial_whose_folder_is_gone_is_missed(run: Path, whole: Path) -> None:
    shutil.rmtree(run / "trials" / trial_of(whole))
    assert "1 of 3 trials of study.toml have no folder" in call("export", run).stderr
    assert call("run", *STUDY, "--out", run).exit_code == 0
    assert len(bench.load(run).trials) == 3


FOREIGN: dict[str, tuple[str, Any]] = {
    "another kind of plugin": ("spec.json", lambda spec: {**spec, "model": _with(spec["model"], kind="nonsense")}),
    "a plugin that is gone": ("spec.json", lambda spec: {**spec, "model": _with(spec["model"], source="/no/such.py")}),
    "a number as text": ("spec.json", lambda spec: {**spec, "z": "2"}),
    "a list": ("spec.json", lambda spec: {**spec, "algorithm": [1, 2]}),
    "nothing": ("spec.json", lambda _: {}),
    "an unknown status": ("status.json", lambda status: {**status, "status": "finished"}),
    "deep": ("status.json", lambda status: {**status, "shown": [[[[[[["x"]]]]]]]}),
    "no clocks": ("status.json", lambda status: {**status, "clocks": 3}),
    "a diagnosis without entries": ("diagnosis.json", lambda _: {"latents": 3}),
}


def _with(choice: dict[str, Any], **plugin: str) -> dict[str, Any]:
    return {**choice, "plugin": {**choice["plugin"], **plugin}}


@pytest.mark.parametrize("what", FOREIGN)
def test_a_foreign_file_with_a_right_checksum_is_no_traceback(run: Path, whole: Path, what: str) -> None:
    """A checksum protects from accidents, not from people."""
    name, change = FOREIGN[what]
    path = run / "trials" / trial_of(whole) / name
    write_json(path, change(read_json(path, path.parent.name)), path.parent.name)
    for command in (("export", run), ("report", run, "--only", "what_ran", "--format", "md"), ("compare", whole, run)):
        assert call(*command).exit_code == 0
    assert call("run", *STUDY, "--out", run).exit_code == 0
