"""How many seeds or test points are needed to detect a difference of a given size between two algorithms.

The numbers are planned from the run's own differences by seed and test point, at the level of a single comparison of
its family (`contrasts`): more comparisons require more seeds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from bench.errors import OptionError
from bench.reporting.contrasts import RATE, Contrast, contrasts
from bench.reporting.tables import formatting
from bench.statistics import power as planning
from bench.statistics.power import MOST_POINTS, MOST_SEEDS, Spread
from bench.values.numerals import is_number
from bench.values.texts import quoted

if TYPE_CHECKING:
    from bench.results.frames import Results

POWER = 0.8  # by convention


@dataclass(frozen=True)
class Aim:
    """The difference to detect and the power to detect it with; raises OptionError if a value is out of its range."""

    difference: float  # nats per datapoint
    level: float = RATE  # the probability of any false verdict among all comparisons
    power: float = POWER  # the probability of detecting the difference if it exists

    def __post_init__(self) -> None:
        """Check types and ranges."""
        for name in ("difference", "level", "power"):
            if not is_number(getattr(self, name)):
                raise OptionError(f"`{name}` must be a number (got {quoted(getattr(self, name))}).")
        if not 0 < self.difference < math.inf:
            raise OptionError(f"`difference` must be a number of nats above 0, such as 0.5 (got {self.difference:g}).")
        if not 0 < self.level < 1:
            raise OptionError(f"`level` must lie between 0 and 1, such as 0.05 (got {self.level:g}).")
        if not self.level < self.power < 1:
            raise OptionError(
                f"`power` must lie between `level` ({self.level:g}) and 1, such as 0.8 (got {self.power:g})."
            )


@dataclass(frozen=True)
class Plan:
    """The numbers needed to detect a difference; None if no reasonable number suffices."""

    now: float  # the probability of detecting it with the available seeds and points
    seeds: int | None  # with the available test points
    cautious_seeds: int | None  # if the spread over seeds is at its upper limit: see `power.CAUTION`
    points: int | None  # with the available seeds; also None if the values per point are not available


def plan(contrast: Contrast, difference: float, level: float, power: float) -> Plan | None:
    """Plan of a single comparison at this level; None for fewer than two pairs of seeds."""
    values = contrast.values
    num_seeds, num_points = values.shape
    if num_seeds < 2:
        return None
    spread, cautious = (Spread.of(values, cautious=each) for each in (False, True))
    return Plan(
        now=planning.power(spread, difference, num_seeds, num_points, level),
        seeds=planning.seeds_needed(spread, difference, num_points, level, power),
        cautious_seeds=planning.seeds_needed(cautious, difference, num_points, level, power),
        points=planning.points_needed(spread, difference, num_seeds, level, power) if num_points > 1 else None,
    )


def table(results: Results, aim: Aim) -> pd.DataFrame:
    """One row for each pair of algorithms at each place.

    Infinite means that no reasonable number suffices, NaN that the number is unknown; ``why`` gives the reason.
    """
    rows = []
    for contrast in contrasts(results):
        if contrast.place is not None and contrast.num_references < 2:  # a reference gets no more seeds
            level = aim.level / max(1, contrast.num_tests)
            made = None if contrast.obstacle else plan(contrast, aim.difference, level, aim.power)
            rows.append(
                {
                    **contrast.place._asdict(),
                    "algorithm": contrast.one,
                    "other": contrast.other,
                    "observed": contrast.gap.mean,
                    "seeds": contrast.gap.num_seeds,
                    "num_points": contrast.gap.num_points,
                    "power": made.now if made else math.nan,
                    "seeds_needed": _number(made, "seeds"),
                    "seeds_needed_cautious": _number(made, "cautious_seeds"),
                    "points_needed": _number(made, "points") if contrast.gap.num_points else math.nan,
                    "level": level,
                    "why": _why(contrast, made),
                }
            )
    return pd.DataFrame(rows)


def shown(rows: pd.DataFrame) -> pd.DataFrame:
    """Columns for readers, the answer first: a narrow terminal has room for the first columns only."""
    texts = pd.DataFrame(
        [
            {
                "data set": row["dataset"],
                "training points": str(row["n_train"]),
                "z": str(row["z"]),
                "difference": f"{row['algorithm']} - {row['other']}",
                "seeds needed": _needed(row["seeds_needed"], MOST_SEEDS),
                "cautiously": _needed(row["seeds_needed_cautious"], MOST_SEEDS),
                "power now": formatting.number(row["power"]),
                "why": row["why"],
                "or test points needed": _needed(row["points_needed"], MOST_POINTS),
                "observed (nats)": f"{row['observed']:+.2f}" if row["seeds"] else formatting.MISSING,
                "pairs of seeds": str(row["seeds"]),
                "test points": str(row["num_points"] or formatting.MISSING),
            }
            for _, row in rows.iterrows()
        ]
    )
    return texts if texts["why"].any() else texts.drop(columns="why")


def record(rows: pd.DataFrame) -> list[dict[str, object]]:
    """Plain data: ``null`` for a number that is not known, ``"inf"`` for more than any reasonable one."""

    def plain(value: object) -> object:
        if isinstance(value, float) and not math.isfinite(value):
            return "inf" if math.isinf(value) else None
        return value

    return [{str(name): plain(value) for name, value in row.items()} for row in rows.to_dict("records")]


def explanation(rows: pd.DataFrame, aim: Aim) -> list[str]:
    """An explanation of the numbers."""
    level = float(rows["level"].iloc[0])
    count = round(aim.level / level)
    among = f"any false verdict among all {count} comparisons" if count > 1 else "a false verdict in the one comparison"
    each = " each" if count > 1 else ""
    what = (
        f"To find a difference of {formatting.nats(aim.difference)} with a probability of {aim.power:.0%}. It is found "
        f"if it is significant while the probability of {among} of `differences` is at most {aim.level:.0%}: at a "
        f"level of {level:.2g}{each}."
    )
    columns = (
        "Seeds needed: in total, with the test points that there are. Cautiously: if the spread over seeds is at the "
        f"upper limit that holds with {planning.CAUTION:.0%}, since few seeds say little about it. Test points needed: "
        "with the seeds that there are, if the data set has so many (bench estimate --points)."
    )
    return [what, columns]


def _why(contrast: Contrast, made: Plan | None) -> str:
    if contrast.obstacle:
        return f"not comparable: {contrast.obstacle}"
    if made is None:
        return "needs 2 pairs of seeds: from fewer, the spread over seeds is unknown"
    return "" if contrast.gap.num_points else "over seeds alone: the values per test point are not there"


def _number(made: Plan | None, name: str) -> float:
    if made is None:
        return math.nan
    count = getattr(made, name)
    return math.inf if count is None else float(count)


def _needed(count: float, most: int) -> str:
    return f"more than {most:,}" if math.isinf(count) else formatting.whole(count)
