"""Sentences about algorithms that are missing from a figure, and seeds that do not count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import pandas as pd

from bench.results.curves import SECONDS
from bench.results.grid import done, of_references
from bench.store.records import Status


def without_bound(trials: pd.DataFrame, bounded: Iterable[str]) -> list[str]:
    """The algorithms that are not among ``bounded``, those that have a lower bound somewhere."""
    shown = set(bounded)
    return [
        f"{name}: no seed has a lower bound." if done(rows).empty else f"{name} has no encoder and so no lower bound."
        for name, rows in trials.groupby("algorithm", sort=False)
        if name not in shown and not _is_untimed(rows)
    ]


def untimed(trials: pd.DataFrame, clock: str) -> list[str]:
    """A sentence about reference runs if ``clock`` is that of seconds; nothing without any."""
    kept = dict.fromkeys(trials.loc[of_references(trials), "reference"])
    if clock != SECONDS or not kept:
        return []
    return [f"Seconds of {', '.join(kept)} are not shown: those of different machines cannot be compared."]


def _is_untimed(trials: pd.DataFrame) -> bool:
    """Whether they are missing because they have no seconds, although they have bounds."""
    return bool(of_references(trials).all() and done(trials)["elbo_test"].notna().any())


def not_done(trials: pd.DataFrame, consequence: str) -> list[str]:
    """The seeds that did not end well, and the ``consequence``: ``aevb: 1 diverged of 5 runs, which ...``."""
    texts = []
    for name, rows in trials.groupby("algorithm", sort=False):
        fates = Counter(rows.loc[rows["status"] != Status.DONE, "status"])
        listed = ", ".join(f"{count} {fate}" for fate, count in fates.items())
        if listed:
            texts.append(f"{name}: {listed} of {len(rows)} runs, {consequence}.")
    return texts
