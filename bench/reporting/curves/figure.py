"""`LearningCurves`, the base of the figures of the lower bound against a clock.

Solid lines are test data, dashed lines training data.  The final log-likelihood of test data is shown beside them as a
hollow mark; for an algorithm without encoder, this is the only mark.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from bench.report import Figure
from bench.reporting.captions import absentees
from bench.reporting.curves.captions import learning_curves_caption
from bench.reporting.curves.competitors import first_estimator, read

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


class LearningCurves(Figure):
    """The lower bound on log p(x) against ``clock``, a column of both the trace and the trials."""

    clock: ClassVar[str]
    label: ClassVar[str]  # of the axis of that clock

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a row of panels for each data set and number of training points, one for each z."""
        competitors = read(results, self.clock)
        if not any(c.bands or c.excluded or c.likelihood for c in competitors):
            return None
        from bench.reporting.curves.panels import Wording, draw  # matplotlib is slow to import

        words = Wording(self.label, "lower bound", "bound", first_estimator(results))
        caption = [*learning_curves_caption(results, competitors), *absentees.untimed(results.trials, self.clock)]
        return draw(competitors, words, caption)
