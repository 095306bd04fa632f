"""How a trial stands, as its folder says: all that planning, running and progress need to know of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bench.store.trial_folder import FINISHED, TrialFolder


@dataclass(frozen=True)
class UnderWay:
    """How far a running trial has come: the share of its budget, and the numbers to show, by name."""

    share: float
    shown: Mapping[str, float]


def status(folder: TrialFolder) -> str:
    """The trial's status; ``waiting`` if it has not begun."""
    return str(folder.read_status().get("status", "waiting"))


def reason(folder: TrialFolder) -> str:
    """Why the trial ended as it did; empty if it is done."""
    return str(folder.read_status()["reason"])


def samples(folder: TrialFolder) -> int:
    """How many training samples the trial has seen."""
    return int(folder.read_status()["clocks"]["samples"])


def seconds(folder: TrialFolder) -> float:
    """How long the trial has taken, training and evaluation together."""
    clocks = folder.read_status()["clocks"]
    return float(clocks["train_seconds"] + clocks["eval_seconds"])


def provenance(folder: TrialFolder) -> Mapping[str, object]:
    """What made the trial's numbers; empty if it has not begun."""
    recorded: Mapping[str, object] = folder.read_status().get("provenance", {})
    return recorded


def under_way(folder: TrialFolder) -> UnderWay | None:
    """How far a running trial has come; None for any other.  Raises StoreError if its record cannot be read."""
    record = folder.read_status()
    if record.get("status") != "running":
        return None
    shown = {name: value for name, value in record.get("shown", {}).items() if math.isfinite(value)}
    return UnderWay(record["clocks"]["samples"] / record["budget"], shown)


def is_finished(folder: TrialFolder, budget: int, estimators: Sequence[str]) -> bool:
    """Whether running the trial again, to ``budget`` samples and with these estimators, would change nothing."""
    if status(folder) not in FINISHED:
        return False
    if status(folder) == "diverged":
        return True
    reached = samples(folder)
    known = {row["estimator"] for row in folder.read_likelihoods() if row["samples"] == reached}
    return reached >= budget and known.issuperset(estimators)


def mark(folder: TrialFolder, status: str, **changes: object) -> None:
    """Give the trial another status, and what else changes with it; the rest of its record stays."""
    folder.write_status({**folder.read_status(), "status": status, **changes})
