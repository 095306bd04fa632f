"""Why a cell of two runs cannot be compared, or only with caution: reasons in words, nothing if there are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import pandas as pd

from bench.results.grid import Cell, done

if TYPE_CHECKING:
    from bench.results.frames import Results

# Seconds stretch as the share of its cores shrinks that a trial gets: a share smaller by this part is a different load.
LOAD_TOLERANCE = 0.1

SAME = {"pixels": "pixels", "model": "model", "decoder": "decoder"}
MACHINE = {"machine": "machine", "processor": "processor", "device": "device", "threads": "threads", "jobs": "jobs"}


def in_training(base: pd.DataFrame, new: pd.DataFrame) -> str:
    """Different pixels, data, model or budget; ``base`` and ``new`` are the trials of one cell."""
    reason = _differing(base, new, SAME)
    if reason:
        return reason
    budgets = [sorted(set(done(trials)["samples"].dropna().astype(int))) for trials in (base, new)]
    if budgets[0] and budgets[1] and budgets[0] != budgets[1]:
        in_base, in_new = (" and ".join(f"{samples:,}" for samples in each) for each in budgets)
        return f"different budget: {in_base} training samples in BASE, {in_new} in NEW"
    both = done(base)[["seed", "data"]].merge(done(new)[["seed", "data"]], on="seed").dropna()
    changed = both.loc[both["data_x"] != both["data_y"], "seed"]
    if len(changed):
        seeds = f"seed{'s' if len(changed) > 1 else ''} {', '.join(map(str, changed))}"
        return f"different data: the data of {seeds} differ"
    versions = [set(done(trials)["data_version"].dropna()) for trials in (base, new)]
    if versions[0] and versions[1] and versions[0] != versions[1]:  # of different seeds, perhaps
        return "different data: the data set of this name is not the same in both runs"
    return ""


def in_estimation(base: Results, new: Results, old: pd.DataFrame, fresh: pd.DataFrame) -> str:
    """A different estimator of log p(x), with different settings or points, or none."""
    estimates = [first_estimates(results, trials) for results, trials in ((base, old), (new, fresh))]
    estimators = [_estimators(each) for each in estimates]
    if not all(estimators):
        return f"no log-likelihood in {'BASE' if not estimators[0] else 'NEW'}"
    if estimators[0] != estimators[1]:
        return f"different estimator: {_listed(estimators[0])} in BASE, {_listed(estimators[1])} in NEW"
    one, other = (dict(zip(each["seed"], each["points"].astype(object).fillna(""), strict=True)) for each in estimates)
    differ = any(one[seed] != other[seed] for seed in one.keys() & other.keys())
    if differ or any(one.values()) != any(other.values()):
        return "different test points: an older version took others; bench estimate estimates on the present ones"
    return ""


def in_timing(base: pd.DataFrame, new: pd.DataFrame, timings: str) -> str:
    """A different machine, different workers, or a different load; ``timings`` as in `Rules`."""
    if timings == "never":
        return "timings are not compared (--timings never)"
    if timings == "always":
        return ""
    reason = _differing(base, new, MACHINE)
    if reason:
        return f"{reason}; --timings always compares them all the same"
    shares = [float(done(trials)["cpu_share"].mean()) for trials in (base, new)]
    if abs(shares[0] - shares[1]) > LOAD_TOLERANCE * max(shares):
        in_base, in_new = (f"{share:.0%}" for share in shares)
        return f"different machine load: trials got {in_base} of their cores in BASE, {in_new} in NEW"
    return ""


def in_tuning(pairs: Sequence[tuple[Cell, pd.DataFrame, pd.DataFrame]]) -> list[str]:
    """A sentence if the hyperparameters of cells were chosen in one way in BASE and in another in NEW."""
    algorithms: dict[tuple[str, str], dict[str, None]] = {}
    for cell, base, new in pairs:
        ways = [_listed(set(trials["tune"].dropna().astype(str))) for trials in (base, new)]
        if all(ways) and ways[0] != ways[1]:
            algorithms.setdefault((ways[0], ways[1]), {})[cell.algorithm] = None
    if not algorithms:
        return []
    listed = "; ".join(f"{', '.join(who)}: {one} in BASE, {other} in NEW" for (one, other), who in algorithms.items())
    return [f"The runs were tuned in different ways ({listed}), and a change may be due to that."]


def _differing(base: pd.DataFrame, new: pd.DataFrame, columns: dict[str, str]) -> str:
    for column, word in columns.items():
        in_base, in_new = (set(map(_text, trials[column].dropna().unique())) for trials in (base, new))
        if in_base and in_new and in_base != in_new:
            return f"different {word}: {_listed(in_base)} in BASE, {_listed(in_new)} in NEW"
    return ""


def _estimators(estimates: pd.DataFrame) -> set[str]:
    """The estimators with their options and numbers of points, in words."""
    return {f"{row['estimator']} on {int(row['num_points'])} points" for _, row in estimates.iterrows()}


def first_estimates(results: Results, trials: pd.DataFrame) -> pd.DataFrame:
    """The estimates that the log-likelihoods of ``trials`` come from: one row per trial that is done and has any."""
    rows = results.likelihoods
    return rows[(rows["split"] == "test") & rows["trial"].isin(done(trials)["trial"])].drop_duplicates("trial")


def _listed(texts: Iterable[str]) -> str:
    return " and ".join(sorted(texts))


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
