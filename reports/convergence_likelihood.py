"""The paper's figure 3: log-likelihood against training samples seen, for algorithms with and without an encoder."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure
from bench.reporting.curves.captions import about_estimators, about_lines, about_pixels, about_unfinished
from bench.reporting.curves.competitors import read_likelihoods

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


class ConvergenceLikelihood(Figure):
    """Log-likelihood against training samples seen, a row of panels for each estimator; for runs with likelihood marks.

    `bench run --likelihood-marks` makes the estimates.  Source: Kingma & Welling 2014, figure 3.
    """

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a panel for each n_train and latent size, on the paper's linear axis."""
        competitors = read_likelihoods(results, "samples")
        if not any(c.bands or c.excluded for c in competitors):
            return None
        from bench.reporting.curves.panels import Wording, draw

        words = Wording("training samples seen", "log-likelihood", "log-likelihood", linear=True)
        caption = [
            about_lines(competitors),
            about_estimators(results),
            about_pixels(results),
            *about_unfinished([c for c in competitors if c.estimator == competitors[0].estimator]),  # once each
        ]
        return draw(competitors, words, [text for text in caption if text])
