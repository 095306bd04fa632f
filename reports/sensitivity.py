"""How much the value of a hyperparameter matters to each algorithm."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.options import option
from bench.report import Figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results.frames import Results


@dataclass(frozen=True)
class SensitivityOptions:
    """Options of `sensitivity`."""

    hyperparameter: str = option("", "the one to show  [default: all that were tuned or have several values]")


class Sensitivity(Figure):
    """The final log-likelihood of each algorithm against its hyperparameters, and the scores by which they were tuned.

    A value has a final log-likelihood if trials were trained with it to the end, because it was chosen or given.  To
    see several values, give all of them: ``--algos 'aevb[learning_rate=0.02],aevb[learning_rate=0.1]'``.  Candidates
    that were not chosen have their tuning scores, joined by lines if they are after the same number of training
    samples.
    """

    Options = SensitivityOptions
    options: SensitivityOptions

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`.  Raises UsageError for a hyperparameter without any values to show."""
        from bench.reporting.sensitivity.points import points, selected

        rows = selected(points(results), self.options.hyperparameter)
        if rows.empty:
            return None
        from bench.reporting.sensitivity.panels import draw

        return draw(rows, list(results.trials["algorithm"]), _caption(rows, results))


def _caption(rows: pd.DataFrame, results: Results) -> list[str]:
    """Note about the scores: they are not comparable between protocols, nor with the final log-likelihood."""
    from bench.reporting.captions.caveats import not_comparable, with_values
    from bench.reporting.captions.ends import ends_of_candidates
    from bench.reporting.sensitivity.points import FINAL

    words = {
        FINAL: "End of training: means over seeds; bars: lowest to highest seed. Only values that were chosen or given "
        "were trained so long.",
        "halving": "Validation score (halving): log p(x) of held-out training points, mean over the tuning seeds. Only "
        "values on one line have been trained equally long.",
        "paper": "First objective (paper): on the first training samples, a mean over seeds; it is no log-likelihood.",
    }
    circled = ["Circled: the values that were chosen; of several candidates with one value, the best counts."]
    uncomparable = [
        f"z = {z}: {reason}."
        for (_, _, z), trials in with_values(results).groupby(["dataset", "n_train", "z"], sort=False)
        if (reason := not_comparable(trials))
    ]
    cuts = [
        f"Budgets differ: the end is the first update that passes {mark:,} training samples."
        for mark in results.compared_at
    ]
    known = [words[quantity] for quantity in words if (rows["quantity"] == quantity).any()]
    chosen = [*circled, *ends_of_candidates(results)] if rows["chosen"].any() else []
    return [*known, *cuts, *chosen, *uncomparable]
