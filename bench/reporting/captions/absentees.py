"""In words: which algorithms are missing from a figure, and which seeds do not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from bench.results.grid import done
from bench.store.records import Status


def without_bound(trials: pd.DataFrame, bounded: Iterable[str]) -> list[str]:
    """The algorithms that are not among ``bounded``, those that have a lower bound somewhere."""
    shown = set(bounded)
    return [
        f"{name}: no seed has a lower bound." if done(rows).empty else f"{name} has no encoder and so no lower bound."
        for name, rows in trials.groupby("algorithm", sort=False)
        if name not in shown
    ]


def not_done(trials: pd.DataFrame, consequence: str) -> list[str]:
    """The seeds that did not end well, and the ``consequence``: ``aevb: 1 diverged of 5 runs, which ...``."""
    texts = []
    for name, rows in trials.groupby("algorithm", sort=False):
        fates = Counter(rows.loc[rows["status"] != Status.DONE, "status"])
        listed = ", ".join(f"{count} {fate}" for fate, count in fates.items())
        if listed:
            texts.append(f"{name}: {listed} of {len(rows)} runs, {consequence}.")
    return texts
