"""A write that fails, or a disk that is full, ends a trial with its reason and leaves the rest readable.

By default every seventh case is tried; all of them with ``BENCH_ALL_DAMAGE=1``.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import bench
from bench.cli import cli, terminal
from bench.errors import UsageError
from bench.store import checksums
from bench.store.records import Status
from bench.store.run_folder import LOCK

STUDY = ("--algos", "aevb[learning_rate=0.02]", "--z", "2", "--seeds", "2", "--n-train", "50", "--hidden", "3")
STUDY += ("--budget", "200", "--eval-points", "20", "--likelihood-points", "4")
STUDY += ("--likelihood", "importance[num_samples=5,proposal=encoder]", "--backend", "sequential")
COUNTS = {"mkstemp": 27, "replace": 27, "fsync": 18}  # calls of a run of this study, at least: see the first test
HOMES: dict[str, Any] = {"mkstemp": tempfile, "replace": Path, "fsync": os}
EVERY = [(name, number) for name, count in COUNTS.items() for number in range(1, count + 1)]
CASES = EVERY if os.environ.get("BENCH_ALL_DAMAGE") else EVERY[::7]
CODES = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EROFS)


@pytest.fixture(autouse=True)
def no_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """They take longer than all else, and are written by other code."""
    monkeypatch.setattr(terminal, "show_reports", lambda *_, **__: [])


def run(folder: Path, *more: str) -> tuple[int, str]:
    """`bench run`, in this process: its exit code, and what it says."""
    result = CliRunner().invoke(cli, ["run", *STUDY, *more, "--out", str(folder)], standalone_mode=False)
    if isinstance(result.exception, UsageError):
        return 2, f"{result.output}{result.exception}"
    if result.exception is not None:
        raise result.exception
    return result.return_value, result.output


def numbers(folder: Path) -> list[pd.DataFrame]:
    """The numbers of a run, without the seconds."""
    results = bench.load(folder)
    frames = [getattr(results, name) for name in ("trials", "trace", "likelihoods", "diagnosis")]
    return [frame.drop(columns=[name for name in frame if "second" in name or name == "cpu_share"]) for frame in frames]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> list[pd.DataFrame]:
    """The numbers of an undisturbed run."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(terminal, "show_reports", lambda *_, **__: [])
        assert run(folder)[0] == 0
    return numbers(folder)


def equal(found: list[pd.DataFrame], expected: list[pd.DataFrame]) -> None:
    for one, other in zip(found, expected, strict=True):
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def failing(number: int, code: int, *, stays: bool, at: Callable[..., Any]) -> Callable[..., Any]:
    """The function ``at``, which fails at its call of this number, and at all later ones if it ``stays`` so."""
    calls = itertools.count(1)

    def called(*arguments: Any, **keywords: Any) -> Any:
        call = next(calls)
        if call == number or (stays and call > number):
            raise OSError(code, os.strerror(code))
        return at(*arguments, **keywords)

    return called


def counting(name: str, calls: Counter[str], at: Callable[..., Any]) -> Callable[..., Any]:
    """The function ``at``, whose calls are counted."""

    def called(*arguments: Any, **keywords: Any) -> Any:
        calls[name] += 1
        return at(*arguments, **keywords)

    return called


def test_the_writes_of_a_run_are_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: Counter[str] = Counter()
    for name, home in HOMES.items():
        monkeypatch.setattr(home, name, counting(name, calls, getattr(home, name)))
    assert run(tmp_path / "run")[0] == 0
    assert all(calls[name] >= count for name, count in COUNTS.items()), calls  # heartbeats come with time


@pytest.mark.parametrize(("name", "number"), CASES)
def test_each_write_fails_in_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: list[pd.DataFrame], name: str, number: int
) -> None:
    """Once or from then on, while a file is made, synced or renamed; afterwards the same command does the rest."""
    case = EVERY.index((name, number))
    code, stays, home = CODES[case % 4], bool(case // 4 % 2), HOMES[name]
    folder = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr(home, name, failing(number, code, stays=stays, at=getattr(home, name)))
        exit_code, said = run(folder)
    assert exit_code in (2, 3), said
    assert os.strerror(code) in said or "could not be written" in said
    for path in folder.rglob("*.*"):
        if path.is_file() and path.name != LOCK:
            owner = "" if path.name == "study.toml" else path.parent.name
            checksums.check(path.read_bytes(), f"{owner}/{path.name}")  # nothing half-written under a final name
    if (folder / "trials").is_dir():
        trials = bench.load(folder).trials
        if not stays and exit_code == 3:
            assert sorted(trials["status"]) == [Status.CRASHED, Status.DONE]
            assert trials["reason"].str.contains(os.strerror(code)).sum() == 1
    assert run(folder)[0] == 0
    equal(numbers(folder), whole)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = shutil.which("mount")
    made = mount and subprocess.run(
        [mount, "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if not made or made.returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield place
    subprocess.run(["umount", str(place)], check=True)  # noqa: S607  # as mount


def test_a_full_disk_costs_what_does_not_fit(small_disk: Path, tmp_path: Path) -> None:
    more = ("--hidden", "20")
    assert run(tmp_path / "whole", *more)[0] == 0
    exit_code, said = run(small_disk / "run", *more)
    assert exit_code == 3
    assert "No space left on device" in said
    trials = bench.load(small_disk / "run").trials
    assert trials["status"].tolist() == [Status.DONE, Status.CRASHED]
    done = [frame[frame["seed"] == 0] for frame in numbers(tmp_path / "whole")]
    equal([frame[frame["seed"] == 0] for frame in numbers(small_disk / "run")], done)
    subprocess.run(["mount", "-o", "remount,size=10m", str(small_disk)], check=True)  # noqa: S607  # as above
    assert run(small_disk / "run", *more)[0] == 0
    equal(numbers(small_disk / "run"), numbers(tmp_path / "whole"))
