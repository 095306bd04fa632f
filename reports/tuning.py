"""How the hyperparameters of each algorithm were chosen, and what that cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.report import Table
from bench.reporting.captions.ends import at_an_end
from bench.reporting.tables import formatting

if TYPE_CHECKING:
    from bench.results.frames import Results

CELL = ["dataset", "n_train", "z", "algorithm"]


class Tuning(Table):
    """The candidates for each algorithm's open hyperparameters, with the score by which one was chosen.

    There is one row per algorithm, latent size, candidate and tuning round.  A score is measured after
    ``score_samples`` training samples; only scores after the same number of samples can be compared.  The costs are
    those of training all candidates and, separately, those of the estimates used as scores, which do not count as
    training.  A chosen value that is the largest or smallest of three or more is marked, since a better value may be
    beyond it.
    """

    printed = False

    def table(self, results: Results) -> pd.DataFrame:
        """Scores are in nats per datapoint, -inf for a failed candidate; costs are totals over all candidates."""
        rows = results.tuning.drop_duplicates([*CELL, "candidate", "score_samples"])
        return rows.drop(columns=["trial", "seed"]).reset_index(drop=True)

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded."""
        return pd.DataFrame(
            [
                {
                    "data set": row["dataset"],
                    "training points": str(row["n_train"]),
                    "z": str(row["z"]),
                    "algorithm": row["algorithm"],
                    "tuned by": row["tune"],
                    "candidate": row["candidate"],
                    "score (nats)": formatting.number(row["score"]),
                    "after samples": formatting.whole(row["score_samples"]),
                    "chosen": f"yes; {end}".removesuffix("; ") if row["chosen"] else "no",
                    "samples of all": formatting.whole(row["tuning_samples"]),
                    "model evaluations of all": formatting.whole(row["tuning_model_evaluations"]),
                    "seconds of all": formatting.number(row["tuning_seconds"]),
                    "model evaluations of scoring": formatting.whole(row["scoring_model_evaluations"]),
                    "seconds of scoring": formatting.number(row["scoring_seconds"]),
                }
                for (_, row), end in zip(table.iterrows(), at_an_end(table), strict=True)
            ]
        )
