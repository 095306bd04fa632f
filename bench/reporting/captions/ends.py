"""Choices at an end of their candidates, beyond which a better value may lie."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pandas as pd

from bench.reporting.captions.names import listed
from bench.results.grid import Place
from bench.values.calls import parse_call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.results.frames import Results

FEWEST = 3  # candidates; of two each is at an end
CELL = [*Place._fields, "algorithm"]


def at_an_end(rows: pd.DataFrame) -> list[str]:
    """For each row of `Results.tuning` which of the chosen values are at an end: ``learning_rate is the largest``.

    Of hyperparameters that have at least `FEWEST` numbers among the candidates of the cell; empty for other rows.
    """
    cells = [*rows[CELL].itertuples(index=False, name=None)]
    candidates: dict[tuple[object, ...], list[Mapping[str, float]]] = {}
    for cell, candidate in dict.fromkeys(zip(cells, rows["candidate"], strict=True)):
        candidates.setdefault(cell, []).append(_numbers(candidate))
    return [
        _ends(_numbers(candidate), candidates[cell]) if chosen else ""
        for cell, candidate, chosen in zip(cells, rows["candidate"], rows["chosen"], strict=True)
    ]


def _ends(chosen: Mapping[str, float], candidates: Sequence[Mapping[str, float]]) -> str:
    tried = {name: {each[name] for each in candidates if name in each} for name in chosen}
    largest = {name: value == max(tried[name]) for name, value in chosen.items()}
    return ", ".join(
        f"{name} is the {'largest' if largest[name] else 'smallest'}"
        for name, value in chosen.items()
        if len(tried[name]) >= FEWEST and (largest[name] or value == min(tried[name]))
    )


def ends_of_candidates(results: Results) -> list[str]:
    """A sentence about each kind of such choices, with the algorithms; nothing if none is at an end."""
    algorithms: dict[str, dict[str, None]] = {}
    for algorithm, end in zip(results.tuning["algorithm"], at_an_end(results.tuning), strict=True):
        algorithms.setdefault(end, {})[str(algorithm)] = None
    return [
        f"The choice is at an end of the candidates, and a better value may lie beyond: {end} for "
        f"{listed(names, results.trials)}."
        for end, names in algorithms.items()
        if end
    ]


@cache
def _numbers(candidate: str) -> Mapping[str, float]:
    """The settings of a candidate that are numbers."""
    numbers = {}
    for name, value in parse_call(f"candidate[{candidate}]")[1].items():
        try:
            numbers[name] = float(value)
        except ValueError:
            continue
    return numbers
