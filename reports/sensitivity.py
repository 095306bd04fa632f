"""How much the choice of a hyperparameter matters to each algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.options import option, parse_call
from bench.report import Figure
from bench.results.grid import Cell, cells

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


@dataclass(frozen=True)
class SensitivityOptions:
    """Options of `sensitivity`."""

    hyperparameter: str = option("learning_rate", "the hyperparameter on the horizontal axis")


class Sensitivity(Figure):
    """The score by which each algorithm was tuned, against a hyperparameter; the chosen value is marked."""

    Options = SensitivityOptions
    options: SensitivityOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: of several candidates with the same value, the best counts."""
        rows = results.tuning
        rows = rows.assign(value=pd.to_numeric([self._value(each) for each in rows["candidate"]], errors="coerce"))
        rows = rows[rows["value"].notna() & np.isfinite(rows["score"])]
        if rows.empty:
            return None
        from bench.reporting.figures.legends import add_legends_and_caption
        from bench.reporting.figures.log_axis import set_logarithmic
        from bench.reporting.figures.looks import legend_entries, looks, style
        from bench.reporting.figures.place_panels import place_panels

        by_cell: dict[Cell, pd.DataFrame] = dict(cells(rows))
        with style():
            shown = {cell.algorithm for cell in by_cell}
            every = looks(dict.fromkeys(results.trials["algorithm"]))
            looks_shown = {name: look for name, look in every.items() if name in shown}
            label = self.options.hyperparameter.replace("_", " ")
            places = dict.fromkeys(cell.place for cell in by_cell)
            figure, axes = place_panels(places, label, "score\n(nats per datapoint)")
            for cell, candidates in by_cell.items():
                best = candidates.sort_values("score").drop_duplicates("value", keep="last").sort_values("value")
                look = looks_shown[cell.algorithm]
                ax = axes[cell.place]
                ax.plot(best["value"], best["score"], color=look.colour, marker=look.marker, markersize=4, linewidth=1)
                chosen = best[best["chosen"]]
                ax.scatter(chosen["value"], chosen["score"], s=60, facecolors="none", edgecolors=look.colour, zorder=3)
            for row, of_row in rows.groupby(["dataset", "n_train"], sort=False):  # whose axes are shared
                set_logarithmic(next(ax for place, ax in axes.items() if place[:2] == row), of_row["value"])
            caption = [_caption(rows)]
            add_legends_and_caption(figure, [legend_entries(looks_shown)], caption)
        return figure

    def _value(self, candidate: str) -> str | None:
        return parse_call(f"candidate[{candidate}]")[1].get(self.options.hyperparameter)


def _caption(rows: pd.DataFrame) -> str:
    """What the scores are: they are not comparable between protocols."""
    words = {
        "paper": "the objective on the first training samples, averaged over seeds",
        "halving": "log p(x) of held-out training points, after as many samples as the candidate was given",
    }
    kinds = dict.fromkeys(str(tune).partition("[")[0] for tune in rows["tune"])
    return f"Circled: the chosen value. Score: {'; '.join(f'{words.get(kind, kind)} ({kind})' for kind in kinds)}."
