"""Reference runs among results: compared after as many training samples as all have seen, and without their seconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from bench.store.contents import Contents
from bench.store.records import EstimateRecord, TraceRow
from bench.store.run_folder import Store, StoredRun, StoredTrial
from bench.studies.study import Study


class Source(NamedTuple):
    """A trial as it is compared, with the path of its run, and the name of the run if it is a reference.

    ``is_cut`` means that its later results are left out.
    """

    path: Path
    trial: StoredTrial
    reference: str = ""
    is_cut: bool = False


@dataclass(frozen=True)
class Compared:
    """A run, and the reference runs that it is compared with; they are named after their folders."""

    path: Path
    run: StoredRun
    references: Mapping[Path, StoredRun]

    @classmethod
    def read(cls, path: Path, *, alone: bool = False) -> Compared:
        """The content of a run folder; without references if ``alone``."""
        store = Store(path)
        return cls(path, store.read(), {each.path: each.read() for each in store.references if not alone})

    @cached_property
    def mark(self) -> int | None:
        """See `compared_at`."""
        return compared_at(self.run.study, [run.study for run in self.references.values()])

    def damage(self) -> Iterator[tuple[Path, str]]:
        """The damage in each folder."""
        yield from (
            (path, text) for path, run in {self.path: self.run, **self.references}.items() for text in run.damage
        )

    def own(self) -> Iterator[Source]:
        """The trials of the run."""
        for trial in self.run.trials:
            yield Source(self.path, replace(trial, contents=self._cut(trial.contents)), is_cut=self.mark is not None)

    def others(self) -> Iterator[Source]:
        """The trials of the references."""
        for path, run in self.references.items():
            for trial in run.trials:
                contents = without_seconds(self._cut(trial.contents))
                yield Source(path, replace(trial, contents=contents), path.name, self.mark is not None)

    def _cut(self, contents: Contents) -> Contents:
        return contents if self.mark is None else as_of(contents, self.mark)


def sources(runs: Iterable[Compared]) -> list[Source]:
    """All trials: those of the runs, then those of references, once each."""
    runs = list(runs)
    others = {(each.reference, each.trial.labels.trial): each for run in runs for each in run.others()}
    return [*(each for run in runs for each in run.own()), *others.values()]


def compared_at(own: Study, references: Sequence[Study]) -> int | None:
    """The number of training samples at which a run and its references can be compared; None for equal budgets.

    This is the last evaluation mark within all budgets at which log p(x) was estimated or, if there is none, the last
    evaluation mark within all budgets.  The marks are the same in all these studies.
    """
    least = min(study.budget for study in (own, *references))
    if all(study.budget == least for study in (own, *references)):
        return None
    from bench.training.loop import next_mark  # which imports torch

    with_likelihood = [mark for each in own.likelihood_marks if (mark := next_mark(each - 1)) <= least]
    last, mark = 0, next_mark(0)
    while mark <= least:
        last, mark = mark, next_mark(mark)
    return max(with_likelihood, default=last)


def as_of(contents: Contents, samples: int) -> Contents:
    """The state of a trial after this many training samples, or its current state if it never reached them.

    Estimates are those of its trace, without values per datapoint; there is no diagnosis.
    """
    row = row_at(contents.trace, samples)
    clocks = contents.record.clocks
    if row is None or clocks is None:
        return contents
    clocks = replace(clocks, **{name: getattr(row, name) for name in vars(clocks)})
    return replace(
        contents,
        record=replace(contents.record, clocks=clocks),
        trace=tuple(each for each in contents.trace if each.samples <= row.samples),
        estimates=row.estimates,
        diagnosis=None,
    )


def row_at(trace: Iterable[TraceRow], samples: int) -> TraceRow | None:
    """The first evaluation at which a trial had seen at least this many training samples; None if there is none."""
    return next((row for row in trace if row.samples >= samples), None)


def without_seconds(contents: Contents) -> Contents:
    """The contents with NaN for all times, which were measured on another machine or under another load."""
    record = contents.record
    clocks, tuning = record.clocks, record.tuning
    if clocks is not None:
        clocks = replace(clocks, train_seconds=math.nan, eval_seconds=math.nan)
    if tuning is not None:
        tuning = replace(tuning, seconds=math.nan)
    return replace(
        contents,
        record=replace(record, clocks=clocks, tuning=tuning),
        trace=tuple(_untimed_row(row) for row in contents.trace),
        estimates=tuple(_untimed(estimate) for estimate in contents.estimates),
    )


def _untimed_row(row: TraceRow) -> TraceRow:
    estimates = tuple(_untimed(estimate) for estimate in row.estimates)
    return replace(row, train_seconds=math.nan, eval_seconds=math.nan, estimates=estimates)


def _untimed(estimate: EstimateRecord) -> EstimateRecord:
    return replace(estimate, seconds=math.nan)
