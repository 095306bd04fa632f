"""The paper's figure 2: how much is learned from each training sample."""

from __future__ import annotations

from bench.reporting.curves.figure import LearningCurves


class ConvergenceSamples(LearningCurves):
    """The lower bound against training samples seen, test and training data, a panel for each latent size."""

    ends_run = True
    clock = "samples"
    label = "training samples seen"
