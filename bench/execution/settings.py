"""How a trial is run."""

from __future__ import annotations

from dataclasses import dataclass

from bench.studies.spec import Choice


@dataclass(frozen=True)
class Settings:
    """How to run a trial: nothing in here changes its mathematics."""

    budget: int  # training samples
    estimators: tuple[Choice, ...]
    eval_points: int = 1000
    likelihood_points: int = 300
    likelihood_marks: tuple[int, ...] = ()
    timeout: float | None = None  # seconds
    checkpoint: float = 15.0  # seconds between checkpoints
    device: str = "cpu"
    threads: int = 1
    jobs: int = 1
