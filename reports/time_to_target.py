"""How long does each algorithm take to a common target?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report import Figure
from bench.results import curves
from bench.results.curves import CLOCKS

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


class TimeToTarget(Figure):
    """Time to the target on the three clocks, each seed and their median; seeds that never reach it stand apart."""

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a row for each clock, a column for each place."""
        aims = curves.targets(results)
        times = {clock: curves.times(results, clock, aims).dropna(subset=["time", "target"]) for clock in CLOCKS}
        if times["samples"].empty:
            return None
        from bench.reporting.captions import absentees
        from bench.reporting.figures.looks import looks
        from bench.reporting.figures.time_panels import draw

        bounded = set(times["samples"]["algorithm"])
        every = looks(dict.fromkeys(results.trials["algorithm"]))
        chosen = {name: look for name, look in every.items() if name in bounded}
        caption = [
            f"Marks: seeds; bars: their medians. {curves.TARGET}",
            *absentees.without_bound(results.trials, chosen),
            *absentees.untimed(results.trials, curves.SECONDS),
            *absentees.not_done(results.trials[results.trials["algorithm"].isin(chosen)], "which count as never"),
        ]
        return draw(times, chosen, caption)
