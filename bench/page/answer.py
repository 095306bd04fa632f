"""The answer in sentences: which algorithm is better at each place, and how surely.  Made from the statistics alone."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.cells import cells, numbers
from bench.drawing import tables
from bench.measures import Place
from bench.statistics import paired

if TYPE_CHECKING:
    from bench.results import Results


@dataclass(frozen=True)
class Answer:
    """What is to be said of one place; ``winner`` is empty where nobody has a log-likelihood."""

    place: Place
    winner: str
    sure: bool  # whether the winner is better than each other algorithm, not only better on average
    sentence: str


def answers(results: Results) -> list[Answer]:
    """One for each place of the grid."""
    trials = results.trials
    places = list(dict.fromkeys(Place(*cell[:3]) for cell, _ in cells(trials)))
    return [_answer(place, trials[(trials[list(Place._fields)] == list(place)).all(axis=1)]) for place in places]


def _answer(place: Place, here: pd.DataFrame) -> Answer:
    done = here[here["status"] == "done"].assign(value=lambda rows: numbers(rows["log_likelihood_test"]))
    done = done.dropna(subset="value")
    means = done.groupby("algorithm", sort=False)["value"].mean().sort_values(ascending=False)
    lost = _lost(here)
    if means.empty:
        return Answer(place, "", False, f"No seed has a log-likelihood.{lost}")
    winner = str(means.index[0])
    level = f"{winner} has the highest log-likelihood: {means.iloc[0]:.2f} nats"
    if len(means) == 1:
        return Answer(place, winner, False, f"{level}; there is nothing to compare it with.{lost}")
    gaps = {str(name): _difference(done, winner, str(name)) for name in means.index[1:]}
    unsure = [name for name, gap in gaps.items() if not gap.low > 0]
    if all(math.isnan(gap.low) for gap in gaps.values()):
        return Answer(
            place, winner, False, f"{level}, but there are too few seeds to say whether that is chance.{lost}"
        )
    said = "; ".join(f"{_size(gap)} above {name}" for name, gap in gaps.items())
    if not unsure:
        return Answer(place, winner, True, f"{level}, {said}. That is more than chance.{lost}")
    names = " and ".join(unsure)
    return Answer(place, winner, False, f"{level}, {said}. Over {names} that may be chance.{lost}")


def _difference(done: pd.DataFrame, one: str, other: str) -> paired.Difference:
    """Over the seeds that both have."""
    mine, theirs = (done[done["algorithm"] == name].set_index("seed")["value"] for name in (one, other))
    shared = mine.index.intersection(theirs.index)
    return paired.difference([mine[shared].to_numpy() - theirs[shared].to_numpy()])


def _size(gap: paired.Difference) -> str:
    """``0.87 nats (95 % interval 0.52 to 1.20, 5 seeds)``."""
    if math.isnan(gap.low):
        return f"{tables.number(gap.mean)} nats (too few seeds for an interval)"
    return f"{gap.mean:.2f} nats (95 % interval {gap.low:.2f} to {gap.high:.2f}, {gap.num_seeds} seeds, {gap.method})"


def _lost(here: pd.DataFrame) -> str:
    """Which seeds are not in it."""
    others = here[here["status"] != "done"]
    fates = Counter(zip(others["algorithm"], others["status"], strict=True))
    return "".join(
        f" Not in it: {tables.quantity(count, 'seed')} of {name} ({status})." for (name, status), count in fates.items()
    )
