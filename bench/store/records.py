"""The records of a trial: one type for what is written, read and shown."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    """How a trial stands or ended."""

    DONE = "done"
    FAILED = "failed"
    DIVERGED = "diverged"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    INTERRUPTED = "interrupted"
    RUNNING = "running"
    WAITING = "waiting"

    @property
    def has_ended(self) -> bool:
        """Whether the trial came to an end, good or bad; one that was interrupted did not."""
        return self in (Status.DONE, Status.FAILED, Status.DIVERGED, Status.TIMEOUT, Status.CRASHED)

    @property
    def is_finished(self) -> bool:
        """Whether running the trial again would give the same."""
        return self in (Status.DONE, Status.DIVERGED)
