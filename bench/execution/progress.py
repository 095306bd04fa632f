"""Display of progress while trials run: bars on a terminal, plain lines elsewhere.

Workers write their trial's status to the run folder about once a second.  Progress is read from there, so that no
other channel between the processes is needed.
"""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from bench.errors import StoreError
from bench.execution.lines import duration, left, outcome, place
from bench.store.records import Status
from bench.store.trial_folder import STATUS

if TYPE_CHECKING:
    from bench.execution.execution import Execution
    from bench.execution.runner import Task
    from bench.store.records import TrialRecord

Key = tuple[Path, str]  # of a task


class StatusReader:
    """Reads the records of trials; a file that has not changed is not read again."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        """Nothing is read yet."""
        self._folders = {task.key: task.folder for task in tasks}
        self._paths = {key: str(folder.path / STATUS) for key, folder in self._folders.items()}
        self._known: dict[Key, tuple[int, TrialRecord]] = {}  # with the time of the file's last change

    def record(self, key: Key) -> TrialRecord | None:
        """Return the record of a trial; None if there is none or it cannot be read."""
        try:
            changed = os.stat(self._paths[key]).st_mtime_ns  # noqa: PTH116  # many are looked at, again and again
            if self._known.get(key, (0,))[0] != changed:
                self._known[key] = changed, self._folders[key].read_status()
        except (OSError, StoreError):
            return None
        return self._known[key][1]


class PlainProgress:
    """Prints one line for each trial that has ended, and one if trials are waiting for a device."""

    seconds_between_looks = 2.0

    def __init__(self, tasks: Sequence[Task], console: Console, execution: Execution) -> None:
        """``tasks`` are the trials to run; ``execution`` determines whether to show where they run."""
        self.tasks = tasks
        self.console = console
        self.execution = execution
        self.count = 0
        self.started = time.monotonic()
        self.under_way = {task.key: task for task in tasks}
        self._statuses = StatusReader(tasks)
        self._told: set[str] = set()  # reasons for waiting
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look_until_stopped, daemon=True)

    def __enter__(self) -> Self:
        """Start monitoring."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop monitoring."""
        self._stop.set()
        self._thread.join()

    def ended(self, task: Task) -> None:
        """Print how the trial ended."""
        self.count += 1
        self.under_way.pop(task.key, None)
        todo = len(self.tasks)
        elapsed = time.monotonic() - self.started
        rest = left(elapsed / self.count * (todo - self.count), "   ")
        text = f"[{self.count:>{len(str(todo))}}/{todo}] {outcome(task, self.execution)}"
        self._print(text + rest)

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)

    def _look_until_stopped(self) -> None:
        while not self._stop.wait(self.seconds_between_looks):
            self.look()

    def look(self) -> None:
        """Read the state of the trials."""
        for task in list(self.under_way.values()):
            record = self._statuses.record(task.key)
            if record is not None:
                self.show(task, record)

    def show(self, task: Task, record: TrialRecord) -> None:
        """Print once if a trial is waiting for a device."""
        if record.status is Status.WAITING and record.reason and record.reason not in self._told:
            self._told.add(record.reason)
            self._print(f"{task}: {record.reason}")


class LiveProgress(PlainProgress):
    """Draws a bar for all trials and one for each running trial, with its current bound, below the plain lines."""

    seconds_between_looks = 0.5

    def __init__(self, tasks: Sequence[Task], console: Console, execution: Execution) -> None:
        """See `PlainProgress`."""
        super().__init__(tasks, console, execution)
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=12 if execution.has_several_devices else 24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )
        self.total = self.bars.add_task(f"{len(tasks)} trials", total=len(tasks), note="")
        self.running: dict[Key, TaskID] = {}

    def __enter__(self) -> Self:
        """Start drawing."""
        self.bars.start()
        return super().__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing and remove the bars."""
        super().__exit__(kind, error, trace)
        self.bars.stop()

    def ended(self, task: Task) -> None:
        """Print how the trial ended, and remove its bar."""
        super().ended(task)
        if task.key in self.running:
            self.bars.remove_task(self.running.pop(task.key))

    def look(self) -> None:
        """Read the state of the trials, and update the bars."""
        self.done = float(self.count)
        super().look()
        elapsed = time.monotonic() - self.started
        note = f"{self.count} of {len(self.tasks)} done, {duration(elapsed)} elapsed"
        if self.done > 0.05:
            note += left(elapsed / self.done * (len(self.tasks) - self.done), ", ")
        self.bars.update(self.total, completed=self.done, note=note)

    def show(self, task: Task, record: TrialRecord) -> None:
        """Update the bar of a running trial."""
        super().show(task, record)
        if record.status is not Status.RUNNING or record.clocks is None or not record.budget:
            return
        share = min(1.0, record.clocks.samples / record.budget)
        self.done += share
        bar = self.running.get(task.key)
        if bar is None:
            bar = self.running[task.key] = self.bars.add_task(f"  {escape(str(task))}", total=1.0, note="")
        note = " ".join(f"{name} {value:.2f}" for name, value in record.shown.items() if math.isfinite(value))
        note = "estimating log-likelihood" if share >= 1 else note
        where = place(record, self.execution)
        self.bars.update(bar, completed=share, note=f"{where}: {note}" if where and note else where or note)


def progress(tasks: Sequence[Task], console: Console, execution: Execution) -> PlainProgress:
    """Return a display with bars if ``console`` is a terminal, otherwise with lines."""
    return (LiveProgress if console.is_terminal else PlainProgress)(tasks, console, execution)
