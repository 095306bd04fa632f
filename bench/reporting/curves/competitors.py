"""Each algorithm's contribution to a figure of learning curves: bands, curves of single seeds, log-likelihoods."""

from __future__ import annotations

import dataclasses
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from bench.results.curves import SECONDS, trial_curves
from bench.results.grid import Cell, Place, cells, of_references
from bench.statistics import curves, intervals
from bench.statistics.curves import Band, Points
from bench.store.records import Status

if TYPE_CHECKING:
    from bench.results.frames import Results

SPLITS = ("test", "train")
Curves = Mapping[str, Mapping[str, Points]]  # by split, then by trial


@dataclass(frozen=True)
class Likelihood:
    """The log-likelihood at the end of training: mean and standard deviation over seeds, in nats per datapoint."""

    x: float
    mean: float
    spread: float


@dataclass(frozen=True)
class Competitor:
    """One algorithm in one panel.  Only seeds that are done count in ``bands`` and ``likelihood``."""

    algorithm: str
    dataset: str
    n_train: int
    z: int
    num_done: int
    fates: tuple[str, ...]  # the statuses of the other seeds
    bands: dict[str, Band]  # by split
    apart: bool  # whether the completed seeds have no range of the clock in common
    excluded: tuple[Points, ...]  # the curve on test data of each seed that is not in the mean
    likelihood: Likelihood | None
    estimator: str = ""  # of the log-likelihoods that the curves show; empty if they show the lower bound

    @property
    def place(self) -> Place:
        """The place at which it is compared with other algorithms."""
        return Place(self.dataset, self.n_train, self.z)

    @property
    def group(self) -> str:
        """The heading of the panels that share their axes."""
        return f"{self.dataset}, {self.estimator or f'{self.n_train} training points'}"

    @property
    def panel(self) -> str:
        """The title of the panel within its group."""
        return f"{f'{self.n_train} training points, ' if self.estimator else ''}z = {self.z}"


def read(results: Results, clock: str) -> list[Competitor]:
    """Every algorithm at every place, with the curves of the lower bound, in the order of `cells`."""
    traces = {split: trial_curves(results.trace, clock, f"elbo_{split}") for split in SPLITS}
    trials = results.trials if clock != SECONDS else results.trials[~of_references(results.trials)]
    trials = trials[[*Cell._fields, "trial", "status", "log_likelihood_test", clock]]  # few columns: quicker
    return [
        dataclasses.replace(_competitor(cell, seeds, traces), likelihood=_likelihood(seeds, clock))
        for cell, seeds in cells(trials)
    ]


def read_likelihoods(results: Results, clock: str) -> list[Competitor]:
    """Like `read`, but with the curves of the log-likelihood during training, estimator by estimator."""
    competitors = []
    for estimator, rows in results.likelihood_trace.groupby("estimator", sort=False):
        traces = {split: trial_curves(rows[rows["split"] == split], clock, "log_likelihood") for split in SPLITS}
        competitors += [
            dataclasses.replace(_competitor(cell, seeds, traces), estimator=str(estimator))
            for cell, seeds in cells(results.trials[results.trials["trial"].isin(rows["trial"])])
        ]
    return competitors


def _competitor(cell: Cell, seeds: pd.DataFrame, traces: Curves) -> Competitor:
    statuses = dict(zip(seeds["trial"], seeds["status"], strict=True))
    ended_well = [trial for trial, status in statuses.items() if status == Status.DONE]
    others = {trial: status for trial, status in statuses.items() if status != Status.DONE}
    by_split = {split: _curves(ended_well, traces[split]) for split in SPLITS}
    bands = {split: curves.band(points) for split, points in by_split.items()}
    apart = by_split["test"] if bands["test"] is None else []
    return Competitor(
        **cell._asdict(),
        num_done=len(ended_well),
        fates=tuple(others.values()),
        bands={split: band for split, band in bands.items() if band is not None},
        apart=bool(apart),
        excluded=(*apart, *_curves(others, traces["test"])),
        likelihood=None,
    )


def _curves(trials: Iterable[str], by_trial: Mapping[str, Points]) -> list[Points]:
    """The curve of each trial that has one."""
    return [by_trial[trial] for trial in trials if trial in by_trial]


def _likelihood(seeds: pd.DataFrame, clock: str) -> Likelihood | None:
    values, x = (seeds[column].to_numpy(dtype=np.float64) for column in ("log_likelihood_test", clock))
    estimated = (seeds["status"] == Status.DONE).to_numpy() & np.isfinite(values)
    values, x = values[estimated], x[estimated]
    if not len(values) or not (x > 0).all():
        return None
    return Likelihood(float(x.mean()), float(intervals.mean(values)), float(intervals.spread(values)))


def plain(name: str) -> str:
    """The name of an algorithm or data set without its options."""
    return name.partition("[")[0]


def under_plain_names(competitors: list[Competitor]) -> list[Competitor]:
    """The same without options in the names, unless two of one panel would then have the same name."""
    counts = Counter((c.group, c.panel, _without_options(c.algorithm)) for c in competitors)
    if max(counts.values(), default=0) > 1:
        return competitors
    return [dataclasses.replace(c, algorithm=_without_options(c.algorithm)) for c in competitors]


def _without_options(name: str) -> str:
    """``mine[size=3] (older code)`` -> ``mine (older code)``."""
    return re.sub(r"\[.*\]", "", name)


def first_estimator(results: Results) -> str:
    """The estimator of the trials' log-likelihoods; empty if there is none."""
    names = results.trials["estimator"].dropna().unique()
    return ", ".join(map(str, names))
