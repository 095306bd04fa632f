"""Trials that are known to be finished are not parsed again, and whatever changes of them is noticed all the same."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import bench
from bench.execution import planning
from bench.execution.execution import Execution
from bench.execution.finished import FILE
from bench.store.contents import Contents
from bench.store.run_folder import Store
from bench.studies.spec import TrialSpec

PLUGINS = Path(__file__).parent.parent / "plugins"

Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Two trials of a user's algorithm, of which the command has said twice that they are finished."""
    algorithm = tmp_path / "mine.py"
    shutil.copy(PLUGINS / "mine.py", algorithm)

    def said(**changes: object) -> str:
        study = {
            "algos": f"{algorithm}[rate=0.05]", "dataset": str(PLUGINS / "blobs.py"), "z": 2, "hidden": 4,
            "seeds": 2, "budget": 200, "likelihood": "importance[num_samples=5]", "likelihood_points": 5,
        }  # fmt: skip
        here = Execution(backend="sequential", device="cpu")
        bench.run(out=tmp_path / "run", execution=here, **(study | changes))
        return capsys.readouterr().err

    said()
    for _ in range(2):
        assert "Nothing to do" in said()
    return said


def files(tmp_path: Path, name: str) -> list[Path]:
    return sorted((tmp_path / "run" / "trials").glob(f"*/{name}"))


def test_nothing_is_parsed_again(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> Contents:
        raise AssertionError("a trial is read to plan it")

    monkeypatch.setattr(planning, "_read", refused)
    assert "Nothing to do" in run()


@pytest.mark.parametrize("name", ["status.json", "trace.jsonl", "model.safetensors", "likelihoods.*.safetensors"])
def test_a_bit_that_the_disk_has_flipped_is_noticed_and_healed(run: Run, tmp_path: Path, name: str) -> None:
    """Neither the size nor the times of the file tell of it."""
    path = files(tmp_path, name)[0]
    content, stat = bytearray(path.read_bytes()), path.stat()
    content[-3] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert path.stat().st_size == stat.st_size
    said = run()
    assert path.name in said
    assert "damaged" in said
    assert "1 finished trial kept, 1 to do" in said
    assert "Nothing to do" in run()


def test_only_what_is_new_is_read_and_run(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    read, original = [], planning._read

    def noted(store: Store, spec: TrialSpec, damage: dict[TrialSpec, list[str]]) -> Contents:
        read.append(spec.seed)
        return original(store, spec, damage)

    monkeypatch.setattr(planning, "_read", noted)
    assert "2 finished trials kept, 1 to do" in run(seeds=3)
    assert read == [2]


@pytest.mark.parametrize(
    "changes", [{"budget": 300}, {"likelihood": "importance[num_samples=5],importance[num_samples=6]"}]
)
def test_a_wider_request_is_not_taken_for_the_finished_one(run: Run, changes: dict[str, object]) -> None:
    assert "Nothing to do" not in run(**changes)


def test_an_edited_plugin_makes_them_stale_as_before(run: Run, tmp_path: Path) -> None:
    with (tmp_path / "mine.py").open("a") as file:
        file.write("# A comment.\n")
    assert "Nothing to do" in run()
    with (tmp_path / "mine.py").open("a") as file:
        file.write("edited = True\n")
    for _ in range(2):
        assert "2 trials are stale" in run()


def test_a_list_of_finished_trials_that_is_damaged_is_made_anew(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "run" / FILE
    for content in (b"", b"[]", path.read_bytes()[:-5]):
        path.write_bytes(content)
        assert "Nothing to do" in run()
    assert path.read_bytes().count(b"\n") == 5, "one line each for the checksum, two trials and two braces"
