"""The run folder: nothing half-written is ever read, and values that JSON lacks are kept."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from bench.errors import StoreError, WriteFailed
from bench.store.files import CHUNK, read_json, write_json
from bench.store.records import Status, TrialRecord
from bench.store.run_folder import Store
from bench.store.trial_folder import TrialFolder
from bench.studies.study import Study


@pytest.fixture
def folder(tmp_path: Path) -> TrialFolder:
    """An empty trial folder."""
    return TrialFolder(tmp_path)


@pytest.mark.parametrize(
    "value", [math.inf, -math.inf, math.nan, 0.1, None, "x", [1, math.inf], {"a": {"b": math.nan}}]
)
def test_json_says_what_json_cannot(tmp_path: Path, value: Any) -> None:
    write_json(tmp_path / "x.json", {"value": value})
    assert repr(read_json(tmp_path / "x.json")) == repr({"value": value})
    assert "NaN" not in (tmp_path / "x.json").read_text()
    assert "Infinity" not in (tmp_path / "x.json").read_text()


def test_a_damaged_file_is_one_message(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": ')
    with pytest.raises(StoreError, match=r"x.json is damaged .it has no checksum."):
        read_json(tmp_path / "x.json")
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(StoreError, match=r"model.safetensors is damaged .it has no checksum."):
        TrialFolder(tmp_path).read_model()


def test_checkpoints_keep_nests_types_and_bits(folder: TrialFolder) -> None:
    state = {
        "optimiser": {
            "state": {0: {"step": torch.tensor(3.0), "sum": torch.randn(2, 3)}},
            "groups": [{"betas": (0.9, 0.99)}],
        },
        "generator": torch.Generator().manual_seed(5).get_state(),
        "count": 7,
        "none": None,
        "flag": True,
        "worst": -math.inf,
        "empty": {},
    }
    folder.write_checkpoint(state)
    read = folder.read_checkpoint()
    assert read is not None
    assert read.keys() == state.keys()
    assert torch.equal(read["optimiser"]["state"][0]["sum"], state["optimiser"]["state"][0]["sum"])  # type: ignore[index]
    assert read["optimiser"]["groups"] == [{"betas": (0.9, 0.99)}]
    assert torch.equal(read["generator"], state["generator"])  # type: ignore[arg-type]
    assert {k: read[k] for k in ("count", "none", "flag", "worst", "empty")} == {
        k: state[k] for k in ("count", "none", "flag", "worst", "empty")
    }


def test_writing_leaves_no_temporary_files_even_when_it_fails(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    (tmp_path / "folder").mkdir()
    with pytest.raises(WriteFailed, match="folder cannot be written"):
        write_json(tmp_path / "folder", {"a": 1})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "x.json"]
    assert read_json(tmp_path / "x.json") == {"a": 1}


def test_nothing_is_pickled(folder: TrialFolder) -> None:
    folder.write_checkpoint({"a": torch.zeros(2)})
    folder.write_model({"w": torch.zeros(2)})
    assert {path.suffix for path in folder.path.iterdir()} == {".safetensors"}


def test_a_folder_that_is_not_ours_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(StoreError, match="is a file"):
        Store.create(tmp_path / "file", Study())
    with pytest.raises(StoreError, match="holds no study"):
        Store.create(tmp_path, Study())
    with pytest.raises(StoreError, match="not a run folder"):
        Store.open(tmp_path)
    with pytest.raises(StoreError, match="cannot be written"):
        Store.create(tmp_path / "file" / "below", Study())


def test_another_study_is_refused_and_a_larger_one_is_not(tmp_path: Path) -> None:
    Store.create(tmp_path / "run", Study(z=(3,), budget=100, seeds=(0,)))
    with pytest.raises(StoreError, match=r"holds another study .z is 3 there and 4 here"):
        Store.create(tmp_path / "run", Study(z=(4,)))
    Store.create(tmp_path / "run", Study(z=(3,), budget=200, seeds=(1,)))
    grown = Store.open(tmp_path / "run").read_study()
    assert (grown.budget, grown.seeds) == (200, (0, 1))


def test_a_run_seems_done_at_a_glance(tmp_path: Path) -> None:
    """If it does, no workers are started before a plan has checked it."""
    store = Store(tmp_path / "run")
    assert not store.seems_done(1, budget=100)
    folders = [store.trial(f"{number:016x}") for number in range(2)]
    for each in folders:
        each.path.mkdir(parents=True)
        each.write_status(TrialRecord(Status.DONE, budget=100))
    assert store.seems_done(2, budget=100)
    assert not store.seems_done(3, budget=100)
    assert not store.seems_done(2, budget=101)
    folders[0].write_status(TrialRecord(Status.DIVERGED, "The bound is nan.", budget=100))
    assert not store.seems_done(2, budget=100)
    (folders[0].path / "status.json").unlink()
    assert not store.seems_done(2, budget=100)


def test_every_byte_of_every_file_counts_in_the_fingerprint(folder: TrialFolder) -> None:
    """Sizes and times stay the same."""
    for name, size in (("a", 1), ("b", CHUNK), ("c", 2 * CHUNK + 1)):
        (folder.path / name).write_bytes(bytes(size))
    seen = {folder.fingerprint()}
    for path in sorted(folder.path.iterdir()):
        content, stat = path.read_bytes(), path.stat()
        for place in {0, len(content) // 2, len(content) - 1}:
            path.write_bytes(content[:place] + b"\1" + content[place + 1 :])
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
            seen.add(folder.fingerprint())
        path.write_bytes(content)
    assert len(seen) == 1 + 1 + 3 + 3
    assert folder.fingerprint() in seen


def test_names_and_ends_of_files_count_in_the_fingerprint(folder: TrialFolder) -> None:
    seen = set()
    for contents in ({"a": b"12", "b": b"3"}, {"a": b"1", "b": b"23"}, {"a": b"12", "c": b"3"}, {"a": b"12"}):
        for path in folder.path.iterdir():
            path.unlink()
        for name, content in contents.items():
            (folder.path / name).write_bytes(content)
        seen.add(folder.fingerprint())
    assert len(seen) == 4
    (folder.path / "folder").mkdir()
    assert folder.fingerprint() == ""


def test_a_name_that_is_not_utf_8_has_a_fingerprint(folder: TrialFolder) -> None:
    try:
        Path(os.fsdecode(os.fsencode(folder.path) + b"/\xff")).touch()
    except OSError:
        pytest.skip("file names must be UTF-8 here")
    assert folder.fingerprint()
