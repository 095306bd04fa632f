"""What a model is worth against what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.options import option
from bench.report import Figure
from bench.reporting.curves.competitors import first_estimator
from bench.results.curves import CLOCKS
from bench.results.grid import Place, cells, done, finite
from bench.statistics.pareto import front

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


@dataclass(frozen=True)
class CostOptions:
    """Options of `cost`."""

    clock: Literal["train_seconds", "model_evaluations", "samples"] = option("train_seconds", "the cost")


class Cost(Figure):
    """Log-likelihood of test data against the cost of training, with the Pareto front: nothing is better for less."""

    Options = CostOptions
    options: CostOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: small marks are seeds, large ones their means."""
        clock = self.options.clock
        trials = finite(done(results.trials))
        trials = trials.assign(x=trials[clock], y=trials["log_likelihood_test"]).dropna(subset=["x", "y"])
        trials = trials[trials["x"] > 0]
        if trials.empty:
            return None
        from bench.reporting.captions import absentees
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.log_axis import set_logarithmic
        from bench.reporting.figures.looks import GREY, legend_entries, looks, style
        from bench.reporting.figures.place_panels import place_panels

        by_cell = dict(cells(trials))
        with style():
            shown = {cell.algorithm for cell in by_cell}
            every = looks(dict.fromkeys(results.trials["algorithm"]))
            chosen = {name: look for name, look in every.items() if name in shown}
            places = dict.fromkeys(cell.place for cell in by_cell)
            figure, axes = place_panels(places, CLOCKS[clock], "log-likelihood\n(nats per datapoint)")
            means: dict[Place, list[tuple[float, float]]] = {}
            for cell, seeds in by_cell.items():
                ax, look = axes[cell.place], chosen[cell.algorithm]
                ax.scatter(seeds["x"], seeds["y"], s=10, color=look.colour, marker=look.marker, alpha=0.5, linewidths=0)
                x, y = float(seeds["x"].mean()), float(seeds["y"].mean())
                ax.scatter(
                    x, y, s=50, color=look.colour, marker=look.marker, edgecolors="black", linewidths=0.7, zorder=4
                )
                means.setdefault(cell.place, []).append((x, y))
            for place, points in means.items():
                x_front, y_front = front(points)
                axes[place].plot(x_front, y_front, drawstyle="steps-post", color=GREY, linewidth=1, zorder=1)
            for row, trials_of_row in trials.groupby(["dataset", "n_train"], sort=False):  # whose axes are shared
                set_logarithmic(next(ax for place, ax in axes.items() if place[:2] == row), trials_of_row["x"])
            about = (
                "Large marks: means over seeds, small ones: seeds. Line: the Pareto front of the means. Log-likelihood "
                f"of test data ({first_estimator(results)}). The cost is of training alone, without evaluations "
                "and without the choice of hyperparameters."
            )
            caption = [
                about,
                *absentees.untimed(results.trials, clock),
                *absentees.not_done(results.trials, "which have no mark"),
            ]
            add_legends_and_caption(figure, [legend_entries(chosen, line=False)], caption)
        return figure
