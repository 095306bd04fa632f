"""How a trial stands, as its folder says: what planning, running and estimation need to know of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.store.records import Status
from bench.store.trial_folder import TrialFolder


def samples(folder: TrialFolder) -> int:
    """How many training samples the trial has seen."""
    clocks = folder.read_status().clocks
    return clocks.samples if clocks else 0


def is_finished(folder: TrialFolder, budget: int, estimators: Sequence[str]) -> bool:
    """Whether running the trial again, to ``budget`` samples and with these estimators, would change nothing."""
    status = folder.read_status().status
    if not status.is_finished:
        return False
    if status is Status.DIVERGED:
        return True
    reached = samples(folder)
    known = {estimate.estimator for estimate in folder.read_estimates() if estimate.samples == reached}
    return reached >= budget and known.issuperset(estimators)


def mark(folder: TrialFolder, status: Status, reason: str = "") -> None:
    """Give the trial another status with its reason; the rest of its record stays."""
    folder.write_status(replace(folder.read_status(), status=status, reason=reason))
