"""The mark of stale trials in a table: a column that says how many trials of each row they are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from bench.report import RenderedTable
from bench.results.grid import Place

if TYPE_CHECKING:
    from bench.results.frames import Results

COLUMN = "stale"
NAMES = ("algorithm", "other")  # the columns of a table that name algorithms
NEIGHBOURS = ("algorithm", "difference")  # the headings that the mark stands beside


def marked(table: RenderedTable, results: Results) -> RenderedTable:
    """The table with a column ``stale`` if a row has stale trials; a table of single trials says it by itself.

    A row stands for the trials of its place and algorithms; one that names none of these stands for all.
    """
    numbers, shown = table.numbers, table.shown
    if not results.changed_since or "trial" in numbers or COLUMN in numbers or len(numbers) != len(shown):
        return table
    trials = results.trials
    is_stale = trials["trial"].isin(results.changed_since.keys())
    newest = ~trials["dataset"].isin(results.older_datasets)
    belongs = [_belongs(trials, newest, row) for _, row in numbers.iterrows()]
    counts = [int((each & is_stale).sum()) for each in belongs]
    if not any(counts):
        return table
    words = [f"{count} of {each.sum()}" if count else "" for count, each in zip(counts, belongs, strict=True)]
    numbers, shown = numbers.assign(**{COLUMN: counts}), shown.copy()
    place = next((i + 1 for i, name in enumerate(shown.columns) if name in NEIGHBOURS), len(shown.columns))
    shown.insert(place, COLUMN, words)
    return RenderedTable(numbers, shown)


def _belongs(trials: pd.DataFrame, newest: pd.Series, row: pd.Series) -> pd.Series:
    """Which trials a row stands for; one over all places has another text there, and leaves out older data sets."""
    named = [column for column in Place._fields if column in row and (trials[column] == row[column]).any()]
    belongs = (trials[named] == row[named]).all(axis=1) if named else newest
    names = [row[column] for column in NAMES if column in row]
    return belongs & trials["algorithm"].isin(names) if names else belongs
