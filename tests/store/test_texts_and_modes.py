"""What others can read of a run folder: permissions, and texts that every file and terminal can hold."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from bench.store.records import Status, TrialRecord
from bench.store.trial_folder import TrialFolder
from bench.values.texts import MOST_CHARACTERS, printable


@pytest.fixture(params=[0o022, 0o027, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def test_every_file_has_the_permissions_that_the_umask_allows(tmp_path: Path, umask: int) -> None:
    folder = TrialFolder(tmp_path)
    folder.write_status(TrialRecord())
    folder.write_model({"weight": torch.zeros(3)})
    folder.write_checkpoint({"weight": torch.zeros(3)})
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir() if path.suffix != ".lock"}
    assert len(modes) >= 3
    assert set(modes.values()) == {0o666 & ~umask}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("naïve ± 数 \U0001f600\tand\nmore", "naïve ± 数 \U0001f600\tand\nmore"),
        ("\x1b[2J\x00\x07\r\x7f\x9b", r"\x1b[2J\x00\x07\r\x7f\x9b"),
        ("\ud800 \u202e \u2028", r"\ud800 \u202e \u2028"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_texts_are_kept_printable(tmp_path: Path, text: str, kept: str) -> None:
    folder = TrialFolder(tmp_path)
    folder.write_status(TrialRecord(Status.FAILED, reason=text, traceback=text, shown={text: 1.0}))
    read = folder.read_status()
    assert (read.reason, read.traceback, [*read.shown]) == (kept, kept, [kept])
    assert printable(kept) == kept  # once is enough


def test_long_texts_keep_both_ends(tmp_path: Path) -> None:
    folder = TrialFolder(tmp_path)
    folder.write_status(TrialRecord(Status.FAILED, reason="begin" + "x" * 5_000_000 + "end"))
    reason = folder.read_status().reason
    assert reason.startswith("begin")
    assert reason.endswith("end")
    assert "4995048 characters left out" in reason
    assert len(reason) <= MOST_CHARACTERS
    assert len(printable("\x1b" * MOST_CHARACTERS)) <= MOST_CHARACTERS
