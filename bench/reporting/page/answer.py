"""The answer in sentences: which algorithm is better at each place, and how surely.  Made from the statistics alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.reporting.captions import caveats
from bench.reporting.contrasts import Contrast, contrasts
from bench.reporting.page.lead import is_sure, lead_over_one, lead_over_several
from bench.reporting.page.outlook import outlooks
from bench.reporting.tables import formatting
from bench.results.grid import Place, cells
from bench.store.records import Status

if TYPE_CHECKING:
    from bench.results.frames import Results

TOO_FEW = (
    "but there are too few seeds to say whether that is due to chance, or how many would decide it: from fewer than 2 "
    "pairs of seeds their spread is unknown"
)


@dataclass(frozen=True)
class Answer:
    """The answer for one place; ``winner`` is empty if none can be named."""

    place: Place
    winner: str
    sure: bool  # whether the winner is significantly better than each other algorithm, not only on average
    sentence: str


def answers(results: Results) -> list[Answer]:
    """One answer per place of the grid."""
    return _answers(results, contrasts(results))


def answers_and_outlooks(results: Results) -> tuple[list[Answer], list[str]]:
    """The answers, and what would decide the open comparisons that they do not mention."""
    all_contrasts = contrasts(results)
    made = _answers(results, all_contrasts)
    return made, outlooks(all_contrasts, {(answer.place, answer.winner) for answer in made})


def _answers(results: Results, all_contrasts: list[Contrast]) -> list[Answer]:
    trials = caveats.with_values(results)
    places = list(dict.fromkeys(cell.place for cell, _ in cells(trials)))
    return [
        _answer(
            place,
            trials[(trials[list(Place._fields)] == list(place)).all(axis=1)],
            {frozenset((each.one, each.other)): each for each in all_contrasts if each.place == place},
        )
        for place in places
    ]


def _answer(place: Place, trials: pd.DataFrame, by_pair: Mapping[frozenset[str], Contrast]) -> Answer:
    valued, others = trials.dropna(subset="value"), trials[trials["value"].isna()]
    missing, obstacle = _missing(others), caveats.not_comparable(trials)
    if obstacle:
        return Answer(place, "", False, f"The log-likelihoods cannot be compared: {obstacle}.{missing}")
    means = valued.groupby("algorithm", sort=False)["value"].mean().sort_values(ascending=False)
    if means.empty:
        return Answer(place, "", False, f"No seed has a log-likelihood.{missing}")
    winner, *rivals = map(str, means.index)
    level = f"{winner} has the highest log-likelihood: {means.iloc[0]:.2f} nats"
    notes = " ".join(["", *filter(None, [caveats.budgets(valued)])]) + missing
    if not rivals:
        return Answer(place, winner, False, f"{level}; there is nothing to compare it with.{notes}")
    pairs = {name: by_pair.get(frozenset((winner, name))) for name in rivals}
    gaps = {name: pair and pair.seen_from(winner) for name, pair in pairs.items()}
    if all(gap is None or math.isnan(gap.gap.low) for gap in gaps.values()):
        return Answer(place, winner, False, f"{level}, {TOO_FEW}.{notes}")
    lost = winner in set(others["algorithm"])  # an algorithm whose worst seeds are lost has a better mean
    among = " among the seeds that ended well" if lost else ""
    sure = all(map(is_sure, gaps.values())) and not lost
    if len(rivals) == 1:
        return Answer(place, winner, sure, f"{level}, {lead_over_one(rivals[0], gaps[rivals[0]], among)}{notes}")
    return Answer(place, winner, sure, f"{level}. {lead_over_several(gaps, among)}{notes}")


def _missing(trials: pd.DataFrame) -> str:
    """Which seeds are not included in the answer."""
    fates = ["not estimated" if status == Status.DONE else status for status in trials["status"]]
    counts = Counter(zip(trials["algorithm"], fates, strict=True))
    return "".join(
        f" Not included: {formatting.quantity(count, 'seed')} of {name} ({fate})."
        for (name, fate), count in counts.items()
    )
