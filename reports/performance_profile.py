"""Who is fast everywhere, and who only here and there?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bench.options import option
from bench.report import Figure
from bench.results import curves
from bench.results.grid import Place
from bench.statistics import profiles

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


@dataclass(frozen=True)
class PerformanceProfileOptions:
    """Options of `performance_profile`."""

    clock: Literal["samples", "model_evaluations", "train_seconds"] = option("samples", "the time to the target")


class PerformanceProfile(Figure):
    """Performance profile: the share of all runs that reach their place's target within a factor of the best time.

    The best time of a place is the smallest median over seeds.  Runs that never reach the target are
    not within any factor.
    Source: Dolan & More 2002; Dahl et al. 2023.
    """

    Options = PerformanceProfileOptions
    options: PerformanceProfileOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a step line for each algorithm that has a bound."""
        times = curves.times(results, self.options.clock).dropna(subset=["time", "target"])
        times = times[~times["dataset"].isin(results.older_datasets)]
        if times.empty:
            return None
        import numpy as np

        from bench.reporting.captions import absentees
        from bench.reporting.figures.grid import panel_grid
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.log_axis import label_logarithmic
        from bench.reporting.figures.looks import legend_entries, looks, style

        ratios = profiles.ratios(
            [
                {str(name): seeds["time"].to_numpy() for name, seeds in at_place.groupby("algorithm", sort=False)}
                for _, at_place in times.groupby(list(Place._fields), sort=False)
            ]
        )
        finite = [ratio for values in ratios.values() for ratio in values[np.isfinite(values)]]
        factors = np.geomspace(min([1.0, *finite]), max([2.0, *finite]) * 1.2, 400)
        with style():
            every = looks(dict.fromkeys(results.trials["algorithm"]))
            chosen = {name: look for name, look in every.items() if name in ratios}
            figure, ((ax,),) = panel_grid([1])
            for i, (name, look) in enumerate(chosen.items()):
                shares = profiles.share_within(factors, ratios[name])
                marks = (i * 50 // len(chosen), 50)  # coinciding lines show their marks alternately
                ax.plot(factors, shares, color=look.colour, drawstyle="steps-post", marker=look.marker, markevery=marks)
            ax.set_xscale("log")
            ax.set_ylim(-0.02, 1.03)
            ax.set_xlabel(f"{self.options.clock.replace('_', ' ')} to target, over the best algorithm's median")
            ax.set_ylabel("share of runs")
            label_logarithmic(ax)
            older = f"Not counted: {', '.join(sorted(results.older_datasets))}." if results.older_datasets else ""
            caption = [
                *filter(None, [older]),
                f"All seeds of all places. {curves.TARGET}",
                *absentees.without_bound(results.trials, chosen),
                *absentees.untimed(results.trials, self.options.clock),
                *absentees.not_done(results.trials[results.trials["algorithm"].isin(chosen)], "which count as never"),
            ]
            add_legends_and_caption(figure, [legend_entries(chosen)], caption)
        return figure
