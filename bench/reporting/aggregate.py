"""All places of a run together: the scores of its algorithms, what is left out, and the statistics over them."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.reporting.captions import caveats
from bench.reporting.captions.scope import interval_scope
from bench.results import curves
from bench.results.grid import Place, cells
from bench.statistics.aggregate import Aggregate, Block, aggregate
from bench.store.records import Status

if TYPE_CHECKING:
    from bench.results.frames import Results

Array = NDArray[np.float64]

FAILED = [status for status in Status if status.has_ended and status != Status.DONE]


@dataclass(frozen=True)
class Overall:
    """The algorithms that were scored at all of these places, the statistics of each, and what was left out."""

    algorithms: Sequence[str]
    places: Sequence[Place]
    statistics: Aggregate
    trials: pd.DataFrame  # of these algorithms and places, with a ``score``: see `_score`
    interval_over: str  # what the intervals are over, in words
    left_out: Sequence[str]  # in words

    def fates(self, algorithm: str) -> Counter[str]:
        """How many of its seeds did not end well, by status."""
        trials = self.trials[(self.trials["algorithm"] == algorithm) & ~np.isfinite(self.trials["score"])]
        return Counter("not estimated" if status == Status.DONE else status for status in trials["status"])

    def num_done(self, algorithm: str) -> int:
        """How many of its seeds ended well, over all places."""
        return int((np.isfinite(self.trials["score"]) & (self.trials["algorithm"] == algorithm)).sum())


def overall(results: Results, reference: str = "") -> Overall | None:
    """The statistics over all places that can be compared; None for fewer than two algorithms that share a place."""
    trials = caveats.with_values(results)
    curves.check_reference(reference, trials["algorithm"].unique())
    trials = trials.assign(score=[_score(trial) for _, trial in trials.iterrows()])
    scored, left_out = _scored_places(results, trials, reference)
    everywhere = set.intersection(*map(set, scored.values())) if scored else set()
    names = [name for name in trials["algorithm"].unique() if name in everywhere]
    if len(names) < 2 or (reference and reference not in names):
        return None
    absent = [name for name in trials["algorithm"].unique() if name not in names]
    if absent:
        left_out.append(f"Without a score at one of the places, and so left out: {', '.join(absent)}.")
    kept = pd.concat([_at(trials[trials["algorithm"].isin(names)], place) for place in scored])
    datasets = dict.fromkeys(place.dataset for place in scored)
    blocks = [_block(results, kept, [each for each in scored if each.dataset == name], names) for name in datasets]
    statistics = aggregate(blocks, names.index(reference) if reference else None)
    scopes = {name: _scope(block, kept[kept["dataset"] == name]) for name, block in zip(datasets, blocks, strict=True)}
    return Overall(names, [*scored], statistics, kept, _listed(scopes), left_out)


def _score(trial: pd.Series) -> float:
    """The log-likelihood of a trial; -inf if it failed, NaN if it has not ended or was not estimated."""
    if trial["status"] == Status.DONE:
        return -math.inf if trial["log_likelihood_test"] == -math.inf else float(trial["value"])
    return -math.inf if trial["status"] in FAILED else math.nan


def _scored_places(results: Results, trials: pd.DataFrame, reference: str) -> tuple[dict[Place, list[str]], list[str]]:
    """The algorithms with a score at each place that can be compared, and why other places are left out."""
    scored: dict[Place, list[str]] = {}
    left_out: list[str] = []
    for place in dict.fromkeys(cell.place for cell, _ in cells(trials)):
        at_place = _at(trials, place)
        names = list(at_place.loc[at_place["score"].notna(), "algorithm"].unique())
        ended_well = set(at_place.loc[np.isfinite(at_place["score"]), "algorithm"])
        obstacle = caveats.not_comparable(at_place)
        if place.dataset in results.older_datasets:
            left_out.append(f"Left out: {place.words}, of older data or code.")
        elif obstacle:
            left_out.append(f"Left out: {place.words}: {obstacle}.")
        elif reference and reference not in ended_well:
            left_out.append(f"Left out: {place.words}: no seed of {reference} ended well.")
        elif names:
            scored[place] = names
    return scored, left_out


def _at(trials: pd.DataFrame, place: Place) -> pd.DataFrame:
    return trials[(trials[list(Place._fields)] == list(place)).all(axis=1)]


def _block(results: Results, trials: pd.DataFrame, places: Sequence[Place], names: Sequence[str]) -> Block:
    """The scores of one data set, also by test point if all values are available for the same points."""
    scored = trials[trials["score"].notna() & (trials["dataset"] == places[0].dataset)]
    seeds = sorted(scored["seed"].unique())
    positions = [
        (places.index(Place(trial["dataset"], trial["n_train"], trial["z"])), names.index(trial["algorithm"]), s)
        for (_, trial), s in zip(scored.iterrows(), map(seeds.index, scored["seed"]), strict=True)
    ]
    scores = np.full((len(places), len(names), len(seeds)), np.nan)
    for position, score in zip(positions, scored["score"], strict=True):
        scores[position] = score
    values = _values_by_point(results, scored[np.isfinite(scored["score"])])
    if values is None:
        return Block(scores)
    by_point = np.full((*scores.shape, values.shape[-1]), np.nan)
    for position, each in zip([each for each in positions if np.isfinite(scores[each])], values, strict=True):
        by_point[position] = each
    return Block(scores, by_point)


def _scope(block: Block, trials: pd.DataFrame) -> str:
    num_points = 0 if block.by_point is None else block.by_point.shape[-1]
    data = trials.drop_duplicates("seed")["data"]  # those of a seed are the same for all algorithms and places
    return interval_scope(data, num_points)


def _listed(scopes: Mapping[str, str]) -> str:
    """The scope of all data sets, or that of each if they differ."""
    if len(set(scopes.values())) == 1:
        return next(iter(scopes.values()))
    return "; ".join(f"{scope} ({name})" for name, scope in scopes.items())


def _values_by_point(results: Results, trials: pd.DataFrame) -> Array | None:
    """The log-likelihoods of these trials by test point; None if they are unavailable or for different points."""
    points, estimators = trials["fingerprint"], trials["estimator"].unique()
    if len(estimators) != 1 or points.nunique() != 1 or points.isna().any():
        return None
    return results.by_point(trials["trial"], estimators[0])
