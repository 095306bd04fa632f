"""Why: where does each algorithm lose, in the decoder, the approximation or the amortisation?"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from bench.report import Table
from bench.reporting.tables import formatting
from bench.results.grid import cells, done, finite
from bench.statistics import intervals

if TYPE_CHECKING:
    from bench.results.frames import Results

GAPS = ("approximation_gap", "amortisation_gap")
MEANS = ("log_likelihood", *GAPS, "bound", "best_bound", "kl", "mutual_information", "active_units", "states_in_use")
SIMULATED = ("simulated_eubo", "simulated_bound")
BOTH_WAYS = "KL both ways, simulated data"


class Losses(Table):
    """Where each model loses, from its log-likelihood to its bound: log p(x) - approximation - amortisation = bound.

    The approximation gap is the loss of the best Gaussian for each datapoint relative to the posterior, and the
    amortisation gap is that of the encoder relative to this Gaussian; the distance to the best log-likelihood of all is
    the decoder's loss.  Values are means over the completed seeds.  Active units, KL and mutual information are those
    of the encoder or, without an encoder, those of the Gaussians fitted to each datapoint.  If z is discrete, a single
    code (or a distribution over codes, if the encoder draws its codes) takes the place of the Gaussian, a group of
    codes takes that of a unit, and the information in single codes is the entropy of those in use; its exponential, the
    perplexity, is the effective number of codes.  Calibration shows whether q(z|x) is as wide as the posterior, by
    exact posterior draws on data that the model has drawn itself; an overconfident encoder is too narrow.  On the same
    data, the distance between the upper bound by these draws (EUBO) and the lower bound is
    KL(p(z|x) || q(z|x)) + KL(q(z|x) || p(z|x)), the sum of the KL divergences in both directions.
    """

    ends_run = True

    def table(self, results: Results) -> pd.DataFrame:
        """All values except the active units are in nats per datapoint; errors are Monte Carlo errors."""
        diagnosis = finite(results.diagnosis)
        rows = []
        for cell, seeds in cells(results.trials):
            models = diagnosis[diagnosis["trial"].isin(done(seeds)["trial"])]
            if len(models):
                rows.append({**cell._asdict(), **_row(models)})
        frame = pd.DataFrame(rows)
        if len(frame):
            best = frame.groupby(["dataset", "n_train", "z"])["log_likelihood"].transform("max")
            frame.insert(4, "decoder_gap", best - frame["log_likelihood"])
        return frame

    def display(self, table: pd.DataFrame) -> pd.DataFrame:
        """Rounded, in the order of the sum."""
        shown = pd.DataFrame([_shown(row) for _, row in table.iterrows()])
        unneeded = {
            "collapse": not shown["collapse"].any(),
            "codes in use": table["num_states"].isna().all(),
            "calibration": not shown["calibration"].any(),
            BOTH_WAYS: table["simulated_eubo"].isna().all(),
        }
        return shown.drop(columns=[name for name, drop in unneeded.items() if drop])


def _row(models: pd.DataFrame) -> dict[str, object]:
    collapse = models["collapse"].fillna("")
    verdicts = models["calibration"].fillna("")
    verdicts = verdicts[verdicts != ""]
    return {
        **{name: float(intervals.mean(models[name])) for name in (*MEANS, *SIMULATED)},
        **{f"{name}_se": float(intervals.error_of_mean(models[f"{name}_se"])) for name in GAPS},
        "seeds": len(models),
        "estimator": ", ".join(dict.fromkeys(models["estimator"].dropna().astype(str))),
        "num_gap_points": float(models["num_gap_points"].min()),
        "num_states": float(models["num_states"].max()),
        "calibration": ", ".join(verdicts.value_counts().index),  # the most frequent first
        "coverage": float(intervals.mean(models["coverage"])),
        "collapsed_seeds": int((collapse != "").sum()),
        "collapse": next((text for text in collapse if text), ""),
    }


def _codes(row: pd.Series) -> str:
    """``57 of 128 (perplexity 41)``, over the test points that were examined."""
    if math.isnan(row["num_states"]):
        return formatting.MISSING
    perplexity = math.exp(row["mutual_information"])
    return f"{row['states_in_use']:.0f} of {row['num_states']:.0f} (perplexity {perplexity:.0f})"


def _shown(row: pd.Series) -> dict[str, str]:
    return {
        "data set": row["dataset"],
        "training points": str(row["n_train"]),
        "z": str(row["z"]),
        "algorithm": row["algorithm"],
        "behind the best": formatting.number(row["decoder_gap"]),
        "approximation gap": formatting.number(row["approximation_gap"]),
        "amortisation gap": formatting.number(row["amortisation_gap"]),
        "active units": formatting.number(row["active_units"], 1),
        "codes in use": _codes(row),
        "log p(x)": formatting.number(row["log_likelihood"]),
        "estimator": row["estimator"] or formatting.MISSING,
        "bound": formatting.number(row["bound"]),
        "KL": formatting.number(row["kl"]),
        "information": formatting.number(row["mutual_information"]),
        "calibration": row["calibration"] and f"{row['calibration']} ({100 * row['coverage']:.0f} % in 90 % intervals)",
        BOTH_WAYS: formatting.number(row["simulated_eubo"] - row["simulated_bound"]),
        "MC error of gaps": ", ".join(formatting.error(row[f"{name}_se"]) for name in GAPS),
        "seeds": str(row["seeds"]),
        "test points": formatting.count(row["num_gap_points"]),
        "collapse": row["collapse"] and f"{row['collapse']} ({row['collapsed_seeds']} of {row['seeds']} seeds)",
    }
