"""Why a cell of two runs cannot be compared: each answer is a reason in words, empty where there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from bench.results.grid import numbers

if TYPE_CHECKING:
    from bench.results.frames import Results

# Seconds stretch as the share of its cores shrinks that a trial gets: a share smaller by this part is another load.
LOAD_TOLERANCE = 0.1

SAME = {"pixels": "pixels", "model": "model", "decoder": "decoder"}
MACHINE = {"machine": "machine", "processor": "processor", "device": "device", "threads": "threads", "jobs": "jobs"}


def in_training(base: pd.DataFrame, new: pd.DataFrame) -> str:
    """Other pixels, data, model or budget: ``base`` and ``new`` are the trials of one cell."""
    reason = _differing(base, new, SAME)
    if reason:
        return reason
    budgets = [sorted(set(_done(trials)["samples"].dropna().astype(int))) for trials in (base, new)]
    if budgets[0] and budgets[1] and budgets[0] != budgets[1]:
        there, here = (" and ".join(f"{samples:,}" for samples in samples_) for samples_ in budgets)
        return f"other budget: {there} training samples in BASE, {here} in NEW"
    both = _done(base)[["seed", "data"]].merge(_done(new)[["seed", "data"]], on="seed").dropna()
    changed = both.loc[both["data_x"] != both["data_y"], "seed"]
    if len(changed):
        return f"other data: those of seed {', '.join(map(str, changed))} are not the same"
    return ""


def in_estimation(base: Results, new: Results, old: pd.DataFrame, fresh: pd.DataFrame) -> str:
    """Another estimator of log p(x), other settings or points of it, or none."""
    found = [_estimation(results, trials) for results, trials in ((base, old), (new, fresh))]
    if not all(found):
        return f"no log-likelihood in {'BASE' if not found[0] else 'NEW'}"
    if found[0] != found[1]:
        return f"other estimator: {' and '.join(sorted(found[0]))} in BASE, {' and '.join(sorted(found[1]))} in NEW"
    return ""


def in_timing(base: pd.DataFrame, new: pd.DataFrame, timings: str) -> str:
    """Another machine, other workers, or another load; ``timings`` as in `Rules`."""
    if timings == "never":
        return "timings are not judged (--timings never)"
    if timings == "always":
        return ""
    reason = _differing(base, new, MACHINE)
    if reason:
        return f"{reason}; --timings always judges all the same"
    shares = [float(numbers(_done(trials)["cpu_share"]).mean()) for trials in (base, new)]
    if abs(shares[0] - shares[1]) > LOAD_TOLERANCE * max(shares):
        there, here = (f"{share:.0%}" for share in shares)
        return f"other machine load: trials got {there} of their cores in BASE, {here} in NEW"
    return ""


def _differing(base: pd.DataFrame, new: pd.DataFrame, columns: dict[str, str]) -> str:
    for column, word in columns.items():
        there, here = (sorted(set(trials[column].dropna().map(_text))) for trials in (base, new))
        if there and here and there != here:
            return f"other {word}: {' and '.join(there)} in BASE, {' and '.join(here)} in NEW"
    return ""


def _estimation(results: Results, trials: pd.DataFrame) -> set[str]:
    """The first estimator of each trial with what it was asked, in words."""
    own = first_estimates(results, trials)
    return {f"{row['estimator']} on {int(row['num_points'])} points" for _, row in own.iterrows()}


def first_estimates(results: Results, trials: pd.DataFrame) -> pd.DataFrame:
    """The rows of the estimates that the log-likelihoods of ``trials`` come from: those that are done and have one."""
    rows = results.likelihoods
    return rows[(rows["split"] == "test") & rows["trial"].isin(_done(trials)["trial"])].drop_duplicates("trial")


def _done(trials: pd.DataFrame) -> pd.DataFrame:
    return trials[trials["status"] == "done"]


def _text(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
