"""What a model is worth against what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.options import option
from bench.report import Figure
from bench.reporting.competitors import first_estimator
from bench.results.grid import Place, cells, numbers
from bench.statistics.pareto import front

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results

LABELS = {"train_seconds": "training seconds", "model_evaluations": "model evaluations", "samples": "training samples"}


@dataclass(frozen=True)
class CostOptions:
    """What can be set of `cost`."""

    clock: Literal["train_seconds", "model_evaluations", "samples"] = option("train_seconds", "the cost")


class Cost(Figure):
    """Log-likelihood of test data against the cost of training, with the Pareto front: nothing is better for less."""

    Options = CostOptions
    options: CostOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: small marks are seeds, large ones their means."""
        clock = self.options.clock
        done = results.trials[results.trials["status"] == "done"]
        done = done.assign(x=numbers(done[clock]), y=numbers(done["log_likelihood_test"])).dropna(subset=["x", "y"])
        done = done[done["x"] > 0]
        if done.empty:
            return None
        from bench.reporting import absentees, figures
        from bench.reporting.place_panels import legend, place_panels

        found = list(cells(done))
        with figures.style():
            looks = figures.looks(dict.fromkeys(results.trials["algorithm"]))
            shown = {cell.algorithm for cell, _ in found}
            looks = {name: look for name, look in looks.items() if name in shown}
            places = list(dict.fromkeys(Place(*cell[:3]) for cell, _ in found))
            figure, axes = place_panels(places, LABELS[clock], "log-likelihood\n(nats a datapoint)")
            means: dict[Place, list[tuple[float, float]]] = {}
            for cell, seeds in found:
                ax, look = axes[Place(*cell[:3])], looks[cell.algorithm]
                ax.scatter(seeds["x"], seeds["y"], s=10, color=look.colour, marker=look.marker, alpha=0.5, linewidths=0)
                x, y = float(seeds["x"].mean()), float(seeds["y"].mean())
                ax.scatter(
                    x, y, s=50, color=look.colour, marker=look.marker, edgecolors="black", linewidths=0.7, zorder=4
                )
                means.setdefault(Place(*cell[:3]), []).append((x, y))
            for place, points in means.items():
                x_front, y_front = front(points)
                axes[place].plot(x_front, y_front, drawstyle="steps-post", color=figures.GREY, linewidth=1, zorder=1)
                here = (done[list(Place._fields[:2])] == list(place[:2])).all(
                    axis=1
                )  # panels of a row share their axes
                figures.set_logarithmic(axes[place], done.loc[here, "x"])
            tuning = "" if clock == "samples" else ", the choice of the learning rate included"
            about = (
                "Large marks: means over seeds, small ones: seeds. Line: the Pareto front of the means. Log-likelihood "
                f"of test data ({first_estimator(results)}). The cost is of training alone, without evaluations"
            )
            caption = [
                f"{about}{tuning}.",
                *absentees.not_done(results.trials, "which have no mark"),
            ]
            figures.add_legends_and_caption(figure, [legend(looks, line=False)], caption)
        return figure
