"""The algorithms over all places together, as a figure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.options import option
from bench.report import Figure
from bench.reporting.aggregate import overall
from bench.reporting.tables import formatting

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results

PANELS = {
    "mean": "interquartile mean (nats)",
    "improvement": "P(better than another)",
    "rank": "mean rank (1 is best)",
}


@dataclass(frozen=True)
class AggregateScoresOptions:
    """Options of `aggregate_scores`."""

    reference: str = option("", "algorithm whose mean is 0 at every place  [default: the average of all is]")


class AggregateScores(Figure):
    """Interquartile mean, probability of improvement and rank of each algorithm over all places, with 95 % intervals.

    The table `aggregate` has the numbers, and its description defines them.
    """

    Options = AggregateScoresOptions
    options: AggregateScoresOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: the best algorithm is at the top."""
        scores = overall(results, self.options.reference)
        if scores is None:
            return None
        from bench.reporting.captions import absentees
        from bench.reporting.figures.grid import panel_grid
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.looks import GREY, legend_entries, looks, style

        order = np.argsort(scores.statistics.rank.values, kind="stable")
        with style():
            every = looks(dict.fromkeys(results.trials["algorithm"]))
            chosen = {scores.algorithms[i]: every[scores.algorithms[i]] for i in order}
            figure, rows = panel_grid([len(PANELS)], share_x=False)
            width, _ = figure.get_size_inches()
            figure.set_size_inches(width, 0.9 + 0.3 * len(chosen))
            for ax, (field, label) in zip(rows[0], PANELS.items(), strict=True):
                estimate = getattr(scores.statistics, field)
                for y, i in enumerate(order):
                    look = every[scores.algorithms[i]]
                    ax.plot([estimate.low[i], estimate.high[i]], [y, y], color=look.colour, linewidth=2, alpha=0.6)
                    if np.isfinite(estimate.values[i]):
                        ax.plot(estimate.values[i], y, color=look.colour, marker=look.marker, markersize=6)
                ax.set_xlabel(label)
                ax.set_yticks([])
                ax.set_ylim(len(chosen) - 0.5, -0.5)
            middles = (0.0, 0.5, (1 + len(chosen)) / 2)  # of algorithms that do not differ
            for ax, middle in zip(rows[0], middles, strict=True):
                ax.axvline(middle, color=GREY, linewidth=0.8, linestyle=":", zorder=1.5)
            reference = self.options.reference
            above = f"the mean of {reference}" if reference else "the average of the algorithms"
            about = (
                f"All seeds of {formatting.quantity(len(scores.places), 'place')}. Scores: log-likelihood of test data "
                f"above {above} at the same place. Bars: 95 % intervals over {scores.interval_over}. Dotted: equal."
            )
            unbounded = [
                f"{name}: more than a quarter of its seeds failed, so it has no interquartile mean."
                for name, value in zip(scores.algorithms, scores.statistics.mean.values, strict=True)
                if value == -np.inf
            ]
            lost = absentees.not_done(scores.trials, "which count as worst if they have ended")
            add_legends_and_caption(figure, [legend_entries(chosen)], [about, *unbounded, *lost, *scores.left_out])
        return figure
