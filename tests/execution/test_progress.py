"""What is shown while trials run: where they do if that may differ, within 80 columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from bench.execution.execution import Execution
from bench.execution.lines import place
from bench.execution.progress import LiveProgress, PlainProgress
from bench.store.records import Status, TrialRecord
from bench.store.trial_folder import TrialFolder
from bench.training.clocks import Clocks

CLUSTER = Execution(backend="dask[scheduler=tcp://nowhere:1]")


@dataclass(frozen=True)
class Trial:
    """A task, as far as progress knows it."""

    folder: TrialFolder

    @property
    def key(self) -> str:
        return self.folder.path.name

    def __str__(self) -> str:
        return f"wakesleep z=10 n=50000 seed={self.key}"


@pytest.fixture
def tasks(tmp_path: Path) -> Any:
    """Three trials, of which one runs, one waits and one has not begun."""
    tasks = [Trial(TrialFolder(tmp_path / name)) for name in "012"]
    for task in tasks:
        task.folder.path.mkdir()
    running = TrialRecord(Status.RUNNING, budget=100, clocks=Clocks(samples=50), shown={"bound": -101.234})
    tasks[0].folder.write_status(TrialRecord(**{**vars(running), "host": "node7.cluster.edu", "device": "cuda:1"}))
    tasks[1].folder.write_status(TrialRecord(reason="Waits for cuda:0 on node7: other trials hold it."))
    tasks[2].folder.write_status(TrialRecord())
    return tasks


@pytest.mark.parametrize(
    ("execution", "host", "device", "shown"),
    [
        (lambda: Execution(device="cpu"), "here", "cpu", ""),
        (lambda: Execution(device="cuda:0"), "here", "cuda:0", ""),
        (lambda: Execution(device="cuda"), "here", "cuda:1", "cuda:1"),
        (lambda: CLUSTER, "node7.cluster.edu", "cpu", "node7"),
        (lambda: CLUSTER, "node7", "cuda:3", "node7 cuda:3"),
        (lambda: CLUSTER, None, None, ""),
        (lambda: CLUSTER, "ip-172-31-128-250-long-name", "cpu", "…1-128-250-long-name"),
    ],
)
def test_a_place_is_named_if_it_may_differ(
    execution: Callable[[], Execution],
    host: str | None,
    device: str | None,
    shown: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a machine of which PyTorch says that it has two CUDA devices."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert place(TrialRecord(host=host, device=device), execution()) == shown


def test_a_bar_names_the_place_within_80_columns(tasks: Any) -> None:
    progress = LiveProgress(tasks, Console(file=StringIO(), force_terminal=True, width=80), CLUSTER)
    progress.look()
    shown = Console(file=StringIO(), width=80)
    shown.print(progress.bars.get_renderable())
    lines = shown.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert len(lines) == 2, "one for all trials and one for that under way"
    assert "node7 cuda:1: bound -101.23" in lines[1]
    assert "wakesleep z=10 n=50000 seed=0" in lines[1]
    assert "50 %" in lines[1]
    assert all(len(line) <= 80 for line in lines)


def test_waiting_is_told_once(tasks: Any) -> None:
    console = Console(file=StringIO(), width=80)
    progress = PlainProgress(tasks, console, CLUSTER)
    tasks[2].folder.write_status(tasks[1].folder.read_status())
    for _ in range(3):
        progress.look()
    said = console.file.getvalue()  # type: ignore[attr-defined]
    assert said == "wakesleep z=10 n=50000 seed=1: Waits for cuda:0 on node7: other trials hold it.\n"


def test_what_has_not_changed_is_not_read_again(tasks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hundreds of trials are looked at twice per second."""
    read: list[str] = []
    original = TrialFolder.read_status

    def noted(folder: TrialFolder) -> TrialRecord:
        read.append(folder.path.name)
        return original(folder)

    monkeypatch.setattr(TrialFolder, "read_status", noted)
    progress = PlainProgress(tasks, Console(file=StringIO()), CLUSTER)
    for _ in range(3):
        progress.look()
    assert sorted(read) == ["0", "1", "2"]
    tasks[2].folder.write_status(TrialRecord(Status.RUNNING))
    read.clear()
    progress.look()
    assert read == ["2"]
