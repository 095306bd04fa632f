"""The results for each value of a hyperparameter: the log-likelihoods of trials, and the scores of candidates."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.errors import UsageError, did_you_mean
from bench.reporting.captions.caveats import with_values
from bench.results.grid import Place
from bench.store.records import Status
from bench.values.calls import parse_call
from bench.values.texts import quoted

if TYPE_CHECKING:
    from bench.results.frames import Results

FINAL = "final"  # log p(x) of test data at the end of training; other quantities are named after their protocol
LINE = [*Place._fields, "hyperparameter", "family"]  # the values of one line
POINT = [*LINE, "quantity", "samples", "setting"]


def points(results: Results) -> pd.DataFrame:
    """One row per value of a hyperparameter, with a ``score`` in nats per datapoint, its ``low`` and ``high`` seed.

    ``quantity`` says what the score is: see `FINAL`; ``samples`` after how many training samples it was, NaN for all of
    them.  ``failed`` counts the trials or candidates that diverged or failed, which have no score.  Hyperparameters are
    those that were tuned, or of which an algorithm has several values at one place.
    """
    rows = pd.concat([_final(results), _tuning(results)], ignore_index=True)
    return rows[rows.groupby(LINE, sort=False)["setting"].transform("nunique") > 1].reset_index(drop=True)


def selected(rows: pd.DataFrame, hyperparameter: str) -> pd.DataFrame:
    """The points of one hyperparameter; all of them if it is empty.  Raises UsageError if there are none of it."""
    known = list(dict.fromkeys(rows["hyperparameter"]))
    if not hyperparameter:
        return rows
    if hyperparameter not in known:
        there = f"here {', '.join(known)}" if known else "of which there is none here"
        raise UsageError(
            "`hyperparameter` of sensitivity must be one that was tuned, or that has several values in this run: "
            f"{there} (got {quoted(hyperparameter)}).{did_you_mean(hyperparameter, known)}"
        )
    return rows[rows["hyperparameter"] == hyperparameter]


def _final(results: Results) -> pd.DataFrame:
    """The trials of each value; if a seed has several, as when one was tuned and one given, their mean counts."""
    trials = with_values(results).set_index("trial")[["value", "status"]]
    rows = results.hyperparameters.join(trials, on="trial")
    rows = rows[rows["value"].notna() | rows["status"].isin([Status.DIVERGED, Status.FAILED])]
    rows = rows.assign(quantity=FINAL, samples=math.nan)
    return _summarised(rows, rows.groupby([*POINT, "seed"], sort=False, dropna=False)["value"].mean())


def _tuning(results: Results) -> pd.DataFrame:
    """The candidates with each value, in each round; of several with the same value, the best counts."""
    rows = results.tuning
    settings = [_settings(each) for each in rows["candidate"]]
    rows = rows.loc[rows.index.repeat([len(each) for each in settings])]  # one for each hyperparameter
    rows = rows.assign(
        hyperparameter=[name for each in settings for name in each],
        setting=[value for each in settings for value in each.values()],
    )
    families = results.hyperparameters.set_index(["trial", "hyperparameter"])["family"]
    rows = rows.join(families, on=["trial", "hyperparameter"])
    protocols = [str(tune).partition("[")[0] for tune in rows["tune"]]
    rows = rows.assign(quantity=protocols, samples=rows["score_samples"])
    rows = rows.assign(value=rows["score"].where(np.isfinite(rows["score"])))
    return _summarised(rows, rows.groupby(POINT, sort=False, dropna=False)["value"].max())


def _settings(candidate: str) -> dict[str, str]:
    return parse_call(f"candidate[{candidate}]")[1]


def _summarised(rows: pd.DataFrame, scores: pd.Series) -> pd.DataFrame:
    """One row per point; ``scores`` are one or several of each."""
    by_point = scores.groupby(level=POINT, sort=False, dropna=False)
    lost = rows["value"].isna().groupby([rows[column] for column in POINT], sort=False, dropna=False).sum()
    chosen = rows["chosen"].astype(bool).groupby([rows[column] for column in POINT], sort=False, dropna=False).any()
    columns = {"score": by_point.mean(), "low": by_point.min(), "high": by_point.max()}
    return pd.DataFrame({**columns, "failed": lost, "chosen": chosen}).reset_index()
