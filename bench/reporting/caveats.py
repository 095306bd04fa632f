"""What must be known before a number is believed, in words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd

from bench.reporting import tables
from bench.results.grid import numbers

if TYPE_CHECKING:
    from bench.results.frames import Results

SCALE = {"pixels": "pixels", "decoder": "decoders", "estimator": "estimators", "points": "numbers of test points"}
TOLERANCE = 1.1  # an algorithm that takes all the data at once overshoots its budget by an update


def warnings(results: Results) -> list[str]:
    """What the estimators and the diagnosis warn of, once for all the seeds of a cell."""
    found = []
    for frame, column, what in ((results.likelihoods, "warnings", "estimator"), (results.diagnosis, "collapse", None)):
        warned = frame[frame[column].fillna("") != ""]
        keys = ["algorithm", "z", *([what] if what else [])]
        for key, group in warned.groupby(keys, sort=False):
            who = f"{key[2]} of {key[0]}" if what else key[0]
            found.append(f"{who}, z={key[1]}, {tables.quantity(len(group), 'seed')}: {group[column].iloc[0]}")
    return found


def judged(results: Results) -> pd.DataFrame:
    """The trials, with the ``value`` of their log-likelihood (NaN unless they are done) and the ``points`` it is of."""
    trials, estimates = results.trials, results.likelihoods
    first = estimates[estimates["split"] == "test"].drop_duplicates("trial").set_index("trial")
    value = numbers(trials["log_likelihood_test"]).where(trials["status"] == "done")
    return trials.assign(value=value, points=trials["trial"].map(first["num_points"]))


def not_comparable(trials: pd.DataFrame) -> str:
    """Why the values of these `judged` trials of one place are not on one scale, in words; empty where they are."""
    done = trials.dropna(subset="value")
    for column, noun in SCALE.items():
        values = done[column].dropna().map(tables.text).unique()
        if len(values) > 1:
            return f"{noun} differ ({', '.join(values)})"
    return ""


def budgets(done: pd.DataFrame) -> str:
    """How many training samples each algorithm of one place had, where one had more than another; else empty."""
    had = numbers(done["samples"]).groupby(done["algorithm"], sort=False).max().dropna()
    if had.empty or had.max() <= TOLERANCE * had.min():
        return ""
    return f"Other budgets: {', '.join(f'{name} {samples:,.0f}' for name, samples in had.items())} training samples."


def costs(results: Results) -> str:
    """What a training sample costs each algorithm, since equal samples are not equal work; empty where it is."""
    trials = results.trials
    a_sample = numbers(trials["model_evaluations"]) / numbers(trials["samples"]).replace(0, math.nan)
    found = a_sample.groupby(trials["algorithm"], sort=False).median().dropna()
    if found.empty or found.max() <= TOLERANCE * found.min():
        return ""
    listed = ", ".join(f"{name} {cost:.2g}" for name, cost in found.items())
    return f"A training sample is not the same work for all, in model evaluations: {listed}. See cost."
