"""What the figures of the lower bound against a clock show, and the words below them; `LearningCurves` is their base.

Solid lines are test data, dashed ones training data.  The final log-likelihood of test data stands beside them as a
hollow mark, which is all there is of an algorithm without encoder.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from bench.drawing.cells import Cell, cells, numbers
from bench.report import Figure
from bench.statistics import curves, intervals
from bench.statistics.curves import Band, Points

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MatplotlibFigure

    from bench.results import Results

SPLITS = ("test", "train")


class LearningCurves(Figure):
    """The lower bound on log p(x) against ``clock``, a column of both the trace and the trials."""

    clock: ClassVar[str]
    label: ClassVar[str]

    def figure(self, results: Results) -> MatplotlibFigure | None:
        """See `Figure.figure`: a row of panels for each data set and number of training points, one for each z."""
        competitors = read(results, self.clock)
        if not any(c.bands or c.strays or c.likelihood for c in competitors):
            return None
        from bench.drawing.curve_panels import draw  # matplotlib takes its time, and listing the reports needs none

        return draw(competitors, self.label, first_estimator(results), caption(results, competitors))


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
    strays: tuple[Points, ...]  # the test bound of each seed that is in no band
    likelihood: Likelihood | None


def read(results: Results, clock: str) -> list[Competitor]:
    """Everything that took part, in the order of `cells`."""
    traces = {str(trial): rows for trial, rows in results.trace.groupby("trial", sort=False)}
    return [_competitor(cell, seeds, traces, clock) for cell, seeds in cells(results.trials)]


def _competitor(cell: Cell, seeds: pd.DataFrame, traces: dict[str, pd.DataFrame], clock: str) -> Competitor:
    done, others = seeds[seeds["status"] == "done"], seeds[seeds["status"] != "done"]
    own = {split: _points(done, traces, clock, f"elbo_{split}") for split in SPLITS}
    bands = {split: curves.band(points) for split, points in own.items()}
    apart = own["test"] if bands["test"] is None else []
    return Competitor(
        **cell._asdict(),
        num_done=len(done),
        fates=tuple(others["status"]),
        bands={split: band for split, band in bands.items() if band is not None},
        apart=bool(apart),
        strays=(*apart, *_points(others, traces, clock, "elbo_test")),
        likelihood=_likelihood(done, clock),
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


def first_estimator(results: Results) -> str:
    """The estimator behind the trials' log-likelihoods; empty where there is none."""
    names = results.trials["estimator"].dropna().unique()
    return ", ".join(map(str, names))


# -- the caption ----------------------------------------------------------------------------------------------------


def caption(results: Results, competitors: Sequence[Competitor]) -> list[str]:
    """What a reader must know that the lines do not say, a paragraph an entry."""
    texts = [_about_lines(competitors), _about_pixels(results), *_about_absentees(competitors)]
    return [text for text in texts if text]


def _about_lines(competitors: Sequence[Competitor]) -> str:
    counts = [c.num_done for c in competitors if c.bands or c.likelihood]
    texts = []
    spread = bool(counts) and max(counts) > 1
    if spread:
        texts.append(f"Means over {_span(counts)} seeds.")
    elif counts:
        texts.append("One seed: its spread is unknown.")
    if any(c.bands for c in competitors):
        texts.append("Bands: lowest to highest seed, test data." * spread)
        texts.append("The first marks may lie below the axis.")
    if any(c.likelihood for c in competitors):
        texts.append("Error bars: standard deviation over seeds." * spread)
    return " ".join(text for text in texts if text)


def _about_pixels(results: Results) -> str:
    """What was done to the values, for each data set."""
    known = results.trials.dropna(subset="pixels").groupby("dataset", sort=False)["pixels"].unique()
    several = results.trials["dataset"].nunique() > 1
    return " ".join(
        f"Pixels{f' of {name}' if several else ''}: {'; '.join(map(str, texts))}." for name, texts in known.items()
    )


def _span(counts: Sequence[int]) -> str:
    return f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else str(counts[0])


def _about_absentees(competitors: Sequence[Competitor]) -> list[str]:
    """Who has no lower bound, and which seeds did not end well."""
    texts = []
    for name in dict.fromkeys(c.algorithm for c in competitors):
        own = [c for c in competitors if c.algorithm == name]
        if any(c.num_done for c in own) and not any(c.bands or c.strays for c in own):
            fate = "is in the table" if any(c.likelihood for c in own) else "was not estimated"
            texts.append(f"{name} has no encoder and so no lower bound; its log-likelihood {fate}.")
        apart = _listed(c.z for c in own if c.apart)
        if apart:
            texts.append(f"{name}: its seeds have no stretch of this axis in common (z = {apart}), so each is drawn.")
        fates = Counter(fate for c in own for fate in c.fates)
        total = sum(c.num_done + len(c.fates) for c in own)
        for fate, count in fates.items():
            where = _listed(c.z for c in own if fate in c.fates)
            share = f"all {total} seeds" if count == total else f"{count} of {total} seeds"
            texts.append(f"{name}: {share} {fate} (z = {where}), not in the mean.")
    return texts


def _listed(latent_sizes: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(set(latent_sizes))))
