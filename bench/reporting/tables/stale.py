"""The mark of stale trials in a table: a column that says how many trials of each row they are."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import cache
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from bench.report import RenderedTable
from bench.results.grid import Place

if TYPE_CHECKING:
    from bench.results.frames import Results

Mask = NDArray[np.bool_]  # of trials

COLUMN = "stale"
NAMES = ("algorithm", "other")  # the columns of a table that name algorithms
NEIGHBOURS = ("algorithm", "difference")  # the headings that the mark stands beside


def marked(table: RenderedTable, results: Results) -> RenderedTable:
    """The table with a column ``stale`` if a row has stale trials; a table of single trials already shows this.

    A row represents the trials of its place and algorithms; a row that names none of these represents all trials.
    """
    numbers, shown = table.numbers, table.shown
    if not results.changed_since or "trial" in numbers or COLUMN in numbers or len(numbers) != len(shown):
        return table
    trials = results.trials
    is_stale = trials["trial"].isin(results.changed_since.keys()).to_numpy()
    newest = ~trials["dataset"].isin(results.older_datasets).to_numpy()

    @cache
    def where(column: str, value: Hashable) -> Mask:
        return np.asarray(trials[column] == value)

    belongs = [_belongs(where, newest, row) for row in numbers.to_dict("records")]
    counts = [int((each & is_stale).sum()) for each in belongs]
    if not any(counts):
        return table
    words = [f"{count} of {each.sum()}" if count else "" for count, each in zip(counts, belongs, strict=True)]
    numbers, shown = numbers.assign(**{COLUMN: counts}), shown.copy()
    place = next((i + 1 for i, name in enumerate(shown.columns) if name in NEIGHBOURS), len(shown.columns))
    shown.insert(place, COLUMN, words)
    return RenderedTable(numbers, shown)


def _belongs(where: Callable[[str, Hashable], Mask], newest: Mask, row: Mapping[Hashable, Hashable]) -> Mask:
    """Which trials a row stands for; one over all places has another text there, and leaves out older data sets."""
    named = [where(column, row[column]) for column in Place._fields if column in row]
    named = [each for each in named if each.any()]
    belongs = np.logical_and.reduce(named) if named else newest
    names = [where("algorithm", row[column]) for column in NAMES if column in row]
    return belongs & np.logical_or.reduce(names) if names else belongs
