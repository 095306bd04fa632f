"""Who is quickest on the wall clock."""

from __future__ import annotations

from bench.reporting.curves.figure import LearningCurves


class ConvergenceSeconds(LearningCurves):
    """The lower bound against training seconds (evaluations and tuning not counted), test and training data."""

    clock = "train_seconds"
    label = "training time (seconds)"
