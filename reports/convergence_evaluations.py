"""Who is quickest on a clock that no machine, and no implementation, can change."""

from __future__ import annotations

from bench.reporting.curves.figure import LearningCurves


class ConvergenceEvaluations(LearningCurves):
    """The lower bound against model evaluations: passes of one datapoint through the decoder, forward or backward."""

    clock = "model_evaluations"
    label = "model evaluations\n(a datapoint through the decoder)"
