"""How many nats about x does z have to carry for a reconstruction how good?  Rate-distortion curves by annealing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure
from bench.results.grid import cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


class RateDistortion(Figure):
    """Rate KL(q || p(z)) against distortion E_q[-log p(x|z)] in nats per datapoint, for each algorithm.

    A lower curve indicates a better decoder at that rate, regardless of the encoder.  Each seed is a line from the
    prior (beta = 0, rate 0) to the posterior (beta = 1, dot), at which rate and distortion sum to -log p(x).  Rates are
    upper bounds.  The curves require estimates of ``ais[start=prior]``, which
    ``bench estimate RUN --likelihood ais[start=prior]`` makes.
    Source: Huang et al. 2020, "Evaluating lossy compression rates of deep generative models".
    """

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a panel for each place."""
        rows = results.rate_distortion
        rows = rows[rows["split"] == "test"]
        if rows.empty:
            return None
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.looks import legend_entries, looks, style
        from bench.reporting.figures.place_panels import place_panels

        by_cell = dict(cells(rows))
        with style():
            shown = {cell.algorithm for cell in by_cell}
            every = looks(dict.fromkeys(results.trials["algorithm"]))
            places = dict.fromkeys(cell.place for cell in by_cell)
            figure, axes = place_panels(places, "rate (nats per datapoint)", "distortion\n(nats per datapoint)")
            for cell, of_cell in by_cell.items():
                colour, ax = every[cell.algorithm].colour, axes[cell.place]
                for _, line in of_cell.groupby(["trial", "estimator"], sort=False):
                    ax.plot(line["rate"], line["distortion"], color=colour, linewidth=1)
                    ax.plot(
                        line["rate"].iloc[-1:], line["distortion"].iloc[-1:], color=colour, marker="o", markersize=4
                    )
            estimators = ", ".join(dict.fromkeys(rows["estimator"]))
            caption = [f"Test data, {estimators}. Rates are upper bounds: more steps make them tighter."]
            add_legends_and_caption(
                figure, [legend_entries({name: look for name, look in every.items() if name in shown})], caption
            )
        return figure
