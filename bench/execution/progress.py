"""What a person sees while trials run: bars on a terminal, plain lines elsewhere.

The workers write their status to the run folder about once a second; progress is read from there, so that no channel
between processes is needed.
"""

from __future__ import annotations

import math
import threading
import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

from bench.errors import StoreError
from bench.execution.runner import Plan
from bench.store.records import Status
from bench.studies.spec import TrialSpec

SECONDS_BETWEEN_LOOKS = 0.5


class PlainProgress:
    """One line for each trial that has ended."""

    def __init__(self, plan: Plan, console: Console) -> None:
        """``plan`` says how many trials there are to do."""
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
        left = elapsed / self.count * (todo - self.count)
        text = f"[{self.count:>{len(str(todo))}}/{todo}] {outcome(self.plan, spec)}"
        self.console.print(
            text + (f"   ~{duration(left)} left" if left else ""), markup=False, highlight=False, soft_wrap=True
        )


class LiveProgress(PlainProgress):
    """Bars for all trials and for each one under way, with its current bound; a line above them for each that ended."""

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
        self._thread = threading.Thread(target=self._look_again_and_again, daemon=True)

    def __enter__(self) -> Self:
        """Start drawing."""
        self.bars.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop drawing and take the bars away."""
        self._stop.set()
        self._thread.join()
        self.bars.stop()

    def ended(self, spec: TrialSpec) -> None:
        """Count it; print a line above the bars."""
        super().ended(spec)
        if spec.id in self.running:
            self.bars.remove_task(self.running.pop(spec.id))

    def _look_again_and_again(self) -> None:
        while not self._stop.wait(SECONDS_BETWEEN_LOOKS):
            self._look()

    def _look(self) -> None:
        """Read the statuses and redraw."""
        done = float(self.count)
        for spec in self.plan.todo:
            try:
                record = self.plan.store.trial(spec.id).read_status()
            except StoreError:
                continue
            if record.status is not Status.RUNNING or record.clocks is None or record.budget is None:
                continue
            samples, budget = record.clocks.samples, record.budget
            if spec.id not in self.running:
                self.running[spec.id] = self.bars.add_task(f"  {spec}".replace("[", "\\["), total=1.0, note="")
            shown = [f"{name} {value:.2f}" for name, value in record.shown.items() if math.isfinite(value)]
            note = " ".join(shown)
            note = "estimating log-likelihood" if samples >= budget else note
            self.bars.update(self.running[spec.id], completed=min(1.0, samples / budget), note=note)
            done += min(1.0, samples / budget)
        elapsed = time.monotonic() - self.started
        left = elapsed / done * (len(self.plan.todo) - done) if done > 0.05 else None
        note = f"{self.count} of {len(self.plan.todo)} done, {duration(elapsed)} gone"
        self.bars.update(
            self.total, completed=done, note=note + (f", ~{duration(left)} left" if left is not None else "")
        )


def progress(plan: Plan, console: Console) -> PlainProgress:
    """Bars where ``console`` is a terminal, lines where it is not."""
    return LiveProgress(plan, console) if console.is_terminal else PlainProgress(plan, console)


def outcome(plan: Plan, spec: TrialSpec) -> str:
    """How a trial ended, on one line."""
    folder = plan.store.trial(spec.id)
    record = folder.read_status()
    if record.status is not Status.DONE or record.clocks is None:
        return f"{record.status:<9} {spec}: {record.reason}"
    last = folder.read_trace()[-1]
    bounds = [f"bound {last.elbo_train:.2f} train, {last.elbo_test:.2f} test"] if last.elbo_test is not None else []
    estimates = [
        f"log p {each.log_likelihood:.2f} ({each.estimator}, MC error {each.log_likelihood_se:.2g})"
        for each in folder.read_estimates()
    ]
    taken = duration(record.clocks.train_seconds + record.clocks.eval_seconds)
    return f"done      {spec}: {'; '.join([*bounds, *estimates[:1], taken])}"


def duration(seconds: float) -> str:
    """As people say it: 4.2 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"
