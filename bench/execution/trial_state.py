"""The state of a trial according to its folder: its progress, whether it is finished, and changes to its record."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.store.contents import Contents
from bench.store.records import ScoreCost, Status, TrialRecord
from bench.store.trial_folder import TrialFolder


def reached(record: TrialRecord) -> int:
    """Return the number of training samples that the trial has seen."""
    return record.clocks.samples if record.clocks else 0


def is_finished(contents: Contents, budget: int, estimators: Sequence[str]) -> bool:
    """Whether running the trial again, to ``budget`` samples and with these estimators, would change nothing."""
    record = contents.record
    if not record.status.is_finished:
        return False
    seen = reached(record)
    if record.status is Status.DIVERGED:  # a larger budget may recover from what was too low at the end of a smaller
        return seen < (record.budget or 0) or (record.budget or 0) >= budget
    known = {estimate.estimator for estimate in contents.estimates if estimate.samples == seen}
    return seen >= budget and known.issuperset(estimators)


def note_data(folder: TrialFolder, *, changed: bool) -> None:
    """Record with the trial whether its data have changed since it ran, since readers do not load them."""
    folder.write_status(replace(folder.read_status(), data_changed=changed))


def note_score(folder: TrialFolder, budget: int, score: float, cost: ScoreCost) -> TrialRecord:
    """Record the trial's score at the end of a round of a choice, since further training would change it."""
    record = folder.read_status()
    scores, costs = {**record.scores, str(budget): score}, {**record.score_costs, str(budget): cost}
    record = replace(record, scores=scores, score_costs=costs)
    folder.write_status(record)
    return record


def mark(folder: TrialFolder, status: Status, reason: str = "") -> None:
    """Give the trial another status with its reason; the rest of its record is unchanged."""
    folder.write_status(replace(folder.read_status(), status=status, reason=reason))
