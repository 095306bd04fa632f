"""What a person sees while trials run: bars on a terminal, plain lines elsewhere.

Workers write their trial's status to the run folder about once a second.  Progress is read from there, so that no
other channel between the processes is needed.
"""

from __future__ import annotations

import math
import threading
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from bench.errors import StoreError
from bench.store import contents
from bench.store.records import Status

if TYPE_CHECKING:
    from bench.execution.planning import Plan
    from bench.store.contents import Contents
    from bench.studies.spec import TrialSpec

SECONDS_BETWEEN_LOOKS = 0.5


class PlainProgress:
    """Prints one line for each trial that has ended."""

    def __init__(self, plan: Plan, console: Console) -> None:
        """``plan`` holds the trials to do."""
        self.plan = plan
        self.console = console
        self.count = 0
        self.started = time.monotonic()

    def __enter__(self) -> Self:
        """Nothing to start."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing to stop."""

    def ended(self, spec: TrialSpec) -> None:
        """Print how the trial ended."""
        self.count += 1
        todo = len(self.plan.todo)
        elapsed = time.monotonic() - self.started
        left = _left(elapsed / self.count * (todo - self.count), "   ")
        text = f"[{self.count:>{len(str(todo))}}/{todo}] {outcome(self.plan, spec)}"
        self.console.print(text + left, markup=False, highlight=False, soft_wrap=True)


class LiveProgress(PlainProgress):
    """Draws a bar for all trials and one for each trial under way, with its current bound, below the plain lines."""

    def __init__(self, plan: Plan, console: Console) -> None:
        """See `PlainProgress`."""
        super().__init__(plan, console)
        self.bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=24),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )
        self.total = self.bars.add_task(f"{len(plan.todo)} trials", total=len(plan.todo), note="")
        self.running: dict[str, TaskID] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._redraw_until_stopped, daemon=True)

    def __enter__(self) -> Self:
        """Start drawing."""
        self.bars.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing and remove the bars."""
        self._stop.set()
        self._thread.join()
        self.bars.stop()

    def ended(self, spec: TrialSpec) -> None:
        """Print how the trial ended, and remove its bar."""
        super().ended(spec)
        if spec.id in self.running:
            self.bars.remove_task(self.running.pop(spec.id))

    def _redraw_until_stopped(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_LOOKS):
            self._redraw()

    def _redraw(self) -> None:
        """Read how the trials stand, and move the bars."""
        done = self.count + sum(self._move_bar(spec) for spec in self.plan.todo)
        elapsed = time.monotonic() - self.started
        note = f"{self.count} of {len(self.plan.todo)} done, {duration(elapsed)} elapsed"
        if done > 0.05:
            note += _left(elapsed / done * (len(self.plan.todo) - done), ", ")
        self.bars.update(self.total, completed=done, note=note)

    def _move_bar(self, spec: TrialSpec) -> float:
        """Move the bar of a trial that is under way; returns how much of it is done, 0 if it is not under way."""
        try:
            record = self.plan.store.trial(spec.id).read_status()
        except StoreError:
            return 0.0
        if record.status is not Status.RUNNING or record.clocks is None or not record.budget:
            return 0.0
        share = min(1.0, record.clocks.samples / record.budget)
        if spec.id not in self.running:
            self.running[spec.id] = self.bars.add_task(f"  {escape(str(spec))}", total=1.0, note="")
        note = " ".join(f"{name} {value:.2f}" for name, value in record.shown.items() if math.isfinite(value))
        note = "estimating log-likelihood" if share >= 1 else note
        self.bars.update(self.running[spec.id], completed=share, note=note)
        return share


def progress(plan: Plan, console: Console) -> PlainProgress:
    """Bars if ``console`` is a terminal, otherwise lines."""
    return LiveProgress(plan, console) if console.is_terminal else PlainProgress(plan, console)


def outcome(plan: Plan, spec: TrialSpec) -> str:
    """How a trial ended, on one line."""
    found = contents.read(plan.store.trial(spec.id))
    record = found.record
    if record.status is not Status.DONE or record.clocks is None:
        lost = "How it ended could not be written: is the disk full or read-only, or its folder gone?"
        unknown = "" if record.status.has_ended else lost
        return f"{record.status:<9} {spec}: {record.reason or unknown}"
    seconds = record.clocks.train_seconds + record.clocks.eval_seconds
    return f"{record.status:<9} {spec}: {'; '.join([*_numbers(found), duration(seconds)])}"


def _numbers(found: Contents) -> list[str]:
    """The last lower bounds, and the first estimate of log p(x)."""
    last = found.trace[-1]
    bounds = [f"bound {last.elbo_train:.2f} train, {last.elbo_test:.2f} test"] if last.elbo_test is not None else []
    estimates = [
        f"log p {each.log_likelihood:.2f} ({each.estimator}, MC error {each.log_likelihood_se:.2g})"
        for each in found.estimates
    ]
    return [*bounds, *estimates[:1]]


def _left(seconds: float, before: str) -> str:
    """How long it will take, in words that follow others; nothing if it is hardly any time."""
    return f"{before}~{duration(seconds)} left" if seconds >= 0.1 else ""


def duration(seconds: float) -> str:
    """As people write it.

    >>> duration(4.2), duration(185), duration(7800)
    ('4.2 s', '3 min 5 s', '2 h 10 min')
    """
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
