"""What took part in a figure of learning curves: each algorithm's bands, strays and final log-likelihood."""

from __future__ import annotations

import dataclasses
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.results.grid import Cell, cells, numbers
from bench.statistics import curves, intervals
from bench.statistics.curves import Band, Points

if TYPE_CHECKING:
    from bench.results.frames import Results

SPLITS = ("test", "train")


@dataclass(frozen=True)
class Likelihood:
    """The log-likelihood at the end of training: mean and standard deviation over seeds, in nats a datapoint."""

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
    fates: tuple[str, ...]  # what became of the other seeds
    bands: dict[str, Band]  # by split
    apart: bool  # the seeds that are done have no stretch of the clock in common
    strays: tuple[Points, ...]  # the curve on test data of each seed that is in no band
    likelihood: Likelihood | None
    estimator: str = ""  # of the log-likelihoods that the curves show; empty where they are of the lower bound

    @property
    def group(self) -> str:
        """The heading of the panels that share their axes."""
        return f"{self.dataset}, {self.estimator or f'{self.n_train} training points'}"

    @property
    def panel(self) -> str:
        """The title of the panel within its group."""
        return f"{f'{self.n_train} training points, ' if self.estimator else ''}z = {self.z}"


def read(results: Results, clock: str) -> list[Competitor]:
    """Everything that took part, with the curves of the lower bound, in the order of `cells`."""
    traces = _by_trial(results.trace)
    return [
        dataclasses.replace(found, likelihood=_likelihood(seeds[seeds["status"] == "done"], clock))
        for cell, seeds in cells(results.trials)
        for found in [_competitor(cell, seeds, traces, clock, "elbo")]
    ]


def read_likelihoods(results: Results, clock: str) -> list[Competitor]:
    """The same with the curves of the log-likelihood on the way, estimator by estimator."""
    found = []
    for estimator, rows in results.likelihood_trace.groupby("estimator", sort=False):
        index = ["trial", "samples", "model_evaluations", "train_seconds"]
        wide = rows.pivot_table("log_likelihood", index, "split").add_prefix("log_likelihood_").reset_index()
        traces = _by_trial(wide.reindex(columns=[*index, *(f"log_likelihood_{split}" for split in SPLITS)]))
        for cell, seeds in cells(results.trials[results.trials["trial"].isin(rows["trial"])]):
            competitor = _competitor(cell, seeds, traces, clock, "log_likelihood")
            found.append(dataclasses.replace(competitor, estimator=str(estimator)))
    return found


def _by_trial(trace: pd.DataFrame) -> dict[str, pd.DataFrame]:
    return {str(trial): rows for trial, rows in trace.groupby("trial", sort=False)}


def _competitor(
    cell: Cell, seeds: pd.DataFrame, traces: dict[str, pd.DataFrame], clock: str, quantity: str
) -> Competitor:
    done, others = seeds[seeds["status"] == "done"], seeds[seeds["status"] != "done"]
    own = {split: _points(done, traces, clock, f"{quantity}_{split}") for split in SPLITS}
    bands = {split: curves.band(points) for split, points in own.items()}
    apart = own["test"] if bands["test"] is None else []
    return Competitor(
        **cell._asdict(),
        num_done=len(done),
        fates=tuple(others["status"]),
        bands={split: band for split, band in bands.items() if band is not None},
        apart=bool(apart),
        strays=(*apart, *_points(others, traces, clock, f"{quantity}_test")),
        likelihood=None,
    )


def _points(trials: pd.DataFrame, traces: dict[str, pd.DataFrame], clock: str, column: str) -> list[Points]:
    """The curve of each trial that has one."""
    rows = [traces[trial] for trial in trials["trial"] if trial in traces]
    found = [curves.points(numbers(trace[clock]), numbers(trace[column])) for trace in rows]
    return [(x, y) for x, y in found if len(x)]


def _likelihood(done: pd.DataFrame, clock: str) -> Likelihood | None:
    values = numbers(done["log_likelihood_test"]).dropna()
    x = numbers(done.loc[values.index, clock])
    if values.empty or not (x > 0).all():
        return None
    return Likelihood(float(x.mean()), float(intervals.mean(values)), float(intervals.spread(values)))


def plain(name: str) -> str:
    """The name of an algorithm or data set without its options."""
    return name.partition("[")[0]


def under_plain_names(found: list[Competitor]) -> list[Competitor]:
    """The same without options in the names, unless two of one panel would be called alike."""
    counts = Counter((c.group, c.panel, plain(c.algorithm)) for c in found)
    if max(counts.values(), default=0) > 1:
        return found
    return [dataclasses.replace(c, algorithm=plain(c.algorithm)) for c in found]


def first_estimator(results: Results) -> str:
    """The estimator behind the trials' log-likelihoods; empty where there is none."""
    names = results.trials["estimator"].dropna().unique()
    return ", ".join(map(str, names))
