"""Quantities of the learning curve of each trial: the time to a target, the height of the curve."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.errors import OptionError, did_you_mean
from bench.results.grid import Cell, Place, done, finite
from bench.statistics import convergence, curves
from bench.statistics.curves import Points
from bench.store.records import Status

if TYPE_CHECKING:
    from bench.results.frames import Results

CLOCKS = {"samples": "training samples", "model_evaluations": "model evaluations", "train_seconds": "training seconds"}
SECONDS = "train_seconds"  # the clock that trials of reference runs lack
BOUND = "elbo_test"
DECADES = 2
SHARE = 0.95
TARGET = (
    f"Target: the test bound at {SHARE:.0%} of the way from the untrained model to where the weakest algorithm of the "
    "place ends (means over seeds)."
)


def trial_curves(trace: pd.DataFrame, clock: str, quantity: str) -> dict[str, Points]:
    """The ``quantity`` of each trial against ``clock``: x [G] ascending and above 0, y [G].

    Missing and infinite values are omitted, and trials without a finite value as well.
    """
    x, y = (trace[column].to_numpy(dtype=np.float64) for column in (clock, quantity))
    rows = trace.groupby("trial", sort=False).indices
    points = {str(trial): curves.points(x[index], y[index]) for trial, index in rows.items()}
    return {trial: each for trial, each in points.items() if len(each[0])}


def bound_curves(results: Results, clock: str = "samples") -> dict[str, Points]:
    """The test bound of each trial that has one, in nats: see `trial_curves`."""
    return trial_curves(results.trace, clock, BOUND)


def targets(results: Results) -> dict[Place, float]:
    """The common target of the algorithms at each place, in nats of test bound; places without a bound have none.

    The target is SHARE of the way from the bound of the untrained model to the final bound of the weakest algorithm
    (means over the completed seeds): every algorithm reaches it, and not because of a lucky last update.
    """
    trace = results.trace
    first = trace[np.isfinite(trace[BOUND])].drop_duplicates("trial").set_index("trial")[BOUND]
    aims: dict[Place, float] = {}
    for cell, seeds in results.cells:
        bounded = done(seeds[seeds["trial"].isin(first.index)])
        if len(bounded):
            begin, end = first[bounded["trial"]].mean(), finite(bounded[BOUND]).mean()
            aims[cell.place] = min(aims.get(cell.place, math.inf), float(begin + SHARE * (end - begin)))
    return aims


def times(results: Results, clock: str, aims: Mapping[Place, float] | None = None) -> pd.DataFrame:
    """The time on ``clock`` at which each trial's test bound first reaches the target of its place.

    ``aims`` are targets to use instead of `targets`.

    One row per trial: the columns of `Cell`, ``seed``, ``trial``, ``target`` (nats) and ``time``, which is infinite for
    a seed that never reaches it or did not end well, and NaN for an algorithm without encoder, which has no bound.
    """
    aims = targets(results) if aims is None else aims
    bounds = bound_curves(results, clock)
    rows = []
    for cell, seeds in results.cells:
        aim = aims.get(cell.place, math.nan)
        bounded = any(trial in bounds for trial in seeds["trial"])
        for seed, trial, status in zip(seeds["seed"], seeds["trial"], seeds["status"], strict=True):
            ended_well = status == Status.DONE and trial in bounds
            time = convergence.time_to(aim, bounds[trial]) if ended_well else math.inf if bounded else math.nan
            rows.append((*cell, seed, trial, aim, time))
    return pd.DataFrame(rows, columns=[*Cell._fields, "seed", "trial", "target", "time"])


def check_reference(name: str, known: Iterable[str]) -> None:
    """Raise OptionError if ``name``, the algorithm to compare the others with, did not run; empty means none."""
    if name and name not in known:
        raise OptionError(f"`reference` must be an algorithm of this run (got {name!r}).{did_you_mean(name, known)}")


def stretches(*runs: Results) -> dict[Place, tuple[float, float]]:
    """The range of samples to average over at each place: the last DECADES that all its curves have in common.

    The curves are those of all completed trials of these runs.  Before this range, the first updates may lower a
    bound drastically.
    """
    common: dict[Place, tuple[float, float]] = {}
    for results in runs:
        bounds = bound_curves(results)
        for cell, seeds in results.cells:
            for x, _ in (bounds[trial] for trial in done(seeds)["trial"] if trial in bounds):
                low, high = common.get(cell.place, (0.0, math.inf))
                common[cell.place] = max(low, x[0]), min(high, x[-1])
    return {place: (max(low, high / 10**DECADES), high) for place, (low, high) in common.items()}


def heights(results: Results, along: Mapping[Place, tuple[float, float]] | None = None) -> pd.Series:
    """The mean of each trial's test bound over log samples, in nats: the area under its curve.  Indexed by trial.

    ``along`` are ranges to use instead of the run's own `stretches`.  NaN if a curve does not cover its range, or if
    the place has none.
    """
    along = stretches(results) if along is None else along
    bounds = bound_curves(results)
    means: dict[str, float] = {}
    for cell, seeds in results.cells:
        low, high = along.get(cell.place, (math.nan, math.nan))
        of_cell = {trial: bounds[trial] for trial in seeds["trial"] if trial in bounds}
        means.update({trial: convergence.mean_height(curve, low, high) for trial, curve in of_cell.items()})
    return pd.Series(means, dtype=float).reindex(results.trials["trial"])
