"""Why a cell of two runs cannot be compared, or only with caution: reasons in words, nothing if there are none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from bench.reporting.comparison.sides import Side
from bench.results.grid import Cell

# Seconds stretch as the share of its cores shrinks that a trial gets: a share smaller by this part is a different load.
LOAD_TOLERANCE = 0.1

SAME = {"pixels": "pixels", "model": "model", "decoder": "decoder"}
MACHINE = {"machine": "machine", "processor": "processor", "device": "device", "threads": "threads", "jobs": "jobs"}


def in_training(base: Side, new: Side) -> str:
    """Different pixels, data, model or budget."""
    reason = _differing(base, new, SAME)
    if reason:
        return reason
    budgets = [sorted({int(samples) for samples in side.done["samples"] if pd.notna(samples)}) for side in (base, new)]
    if budgets[0] and budgets[1] and budgets[0] != budgets[1]:
        in_base, in_new = (" and ".join(f"{samples:,}" for samples in each) for each in budgets)
        return f"different budget: {in_base} training samples in BASE, {in_new} in NEW"
    one, other = (dict(zip(side.done["seed"], side.done["data"], strict=True)) for side in (base, new))
    both = [seed for seed in one if pd.notna(one[seed]) and pd.notna(other.get(seed))]
    changed = [seed for seed in both if one[seed] != other[seed]]
    if changed:
        seeds = f"seed{'s' if len(changed) > 1 else ''} {', '.join(map(str, changed))}"
        return f"different data: the data of {seeds} differ"
    versions = [{version for version in side.done["data_version"] if pd.notna(version)} for side in (base, new)]
    if versions[0] and versions[1] and versions[0] != versions[1]:  # of different seeds, perhaps
        return "different data: the data set of this name is not the same in both runs"
    return ""


def in_estimation(base: Side, new: Side) -> str:
    """A different estimator of log p(x), with different settings or points, or none."""
    if not (base.estimators and new.estimators):
        return f"no log-likelihood in {'NEW' if base.estimators else 'BASE'}"
    if base.estimators != new.estimators:
        return f"different estimator: {_listed(base.estimators)} in BASE, {_listed(new.estimators)} in NEW"
    one, other = base.points, new.points
    differ = any(one[seed] != other[seed] for seed in one.keys() & other.keys())
    if differ or any(one.values()) != any(other.values()):
        return "different test points: an older version took others; bench estimate estimates on the present ones"
    return ""


def in_timing(base: Side, new: Side, timings: str) -> str:
    """A different machine, different workers, or a different load; ``timings`` as in `Rules`."""
    if timings == "never":
        return "timings are not compared (--timings never)"
    if timings == "always":
        return ""
    reason = _differing(base, new, MACHINE)
    if reason:
        return f"{reason}; --timings always compares them all the same"
    shares = [float(side.done["cpu_share"].mean()) for side in (base, new)]
    if abs(shares[0] - shares[1]) > LOAD_TOLERANCE * max(shares):
        in_base, in_new = (f"{share:.0%}" for share in shares)
        return f"different machine load: trials got {in_base} of their cores in BASE, {in_new} in NEW"
    return ""


def in_tuning(pairs: Sequence[tuple[Cell, Side, Side]]) -> list[str]:
    """A sentence if the hyperparameters of cells were chosen in one way in BASE and in another in NEW."""
    algorithms: dict[tuple[str, str], dict[str, None]] = {}
    for cell, base, new in pairs:
        ways = [_listed(side.texts("tune")) for side in (base, new)]
        if all(ways) and ways[0] != ways[1]:
            algorithms.setdefault((ways[0], ways[1]), {})[cell.algorithm] = None
    if not algorithms:
        return []
    listed = "; ".join(f"{', '.join(who)}: {one} in BASE, {other} in NEW" for (one, other), who in algorithms.items())
    return [f"The runs were tuned in different ways ({listed}), and a change may be due to that."]


def _differing(base: Side, new: Side, columns: dict[str, str]) -> str:
    for column, word in columns.items():
        in_base, in_new = base.texts(column), new.texts(column)
        if in_base and in_new and in_base != in_new:
            return f"different {word}: {_listed(in_base)} in BASE, {_listed(in_new)} in NEW"
    return ""


def _listed(texts: Iterable[str]) -> str:
    return " and ".join(sorted(texts))
