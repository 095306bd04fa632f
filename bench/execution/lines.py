"""How a trial ended, where and after how long, in words that fit on a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.store import contents
from bench.store.records import Status

if TYPE_CHECKING:
    from bench.execution.execution import Execution
    from bench.execution.runner import Task
    from bench.store.contents import Contents
    from bench.store.records import TrialRecord

PLACE_WIDTH = 20  # characters at most for the name of a machine


def place(record: TrialRecord, execution: Execution) -> str:
    """Return the place of a trial if trials of this run may differ in it: its machine, its device, both or nothing."""
    words = []
    if execution.is_remote and record.host:
        name = record.host.partition(".")[0]
        words.append(name if len(name) <= PLACE_WIDTH else f"…{name[1 - PLACE_WIDTH :]}")
    if execution.has_several_devices and record.device not in (None, "cpu"):
        words.append(str(record.device))
    return " ".join(words)


def outcome(task: Task, execution: Execution) -> str:
    """Return how and where a trial ended, on one line."""
    stored = contents.read(task.folder)
    record = stored.record
    where = place(record, execution)
    who = f"{record.status:<9} {task}" + f" on {where}" * bool(where)
    if record.status is not Status.DONE or record.clocks is None:
        lost = "How it ended could not be written: is the disk full or read-only, or its folder gone?"
        unknown = "" if record.status.has_ended else lost
        return f"{who}: {record.reason or unknown}"
    seconds = record.clocks.train_seconds + record.clocks.eval_seconds
    return f"{who}: {'; '.join([*_numbers(stored), duration(seconds)])}"


def _numbers(stored: Contents) -> list[str]:
    """The last lower bounds, and the first estimate of log p(x)."""
    last = stored.trace[-1]
    bounds = [f"bound {last.elbo_train:.2f} train, {last.elbo_test:.2f} test"] if last.elbo_test is not None else []
    estimates = [
        f"log p {each.log_likelihood:.2f} ({each.estimator}, MC error {each.log_likelihood_se:.2g})"
        for each in stored.estimates
    ]
    return [*bounds, *estimates[:1]]


def left(seconds: float, before: str) -> str:
    """Return the remaining time as a phrase to append; empty if it is negligible."""
    return f"{before}~{duration(seconds)} left" if seconds >= 0.1 else ""


def duration(seconds: float) -> str:
    """Format for reading.

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
