"""Two algorithms at one place of the grid, in pairs: by seed and, if the values of each are kept, by test point."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

if TYPE_CHECKING:
    from bench.results.frames import Results

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """The log-likelihoods of the seeds that both have, in nats; those without a value are counted and left out."""

    mine: Array  # [S]
    theirs: Array  # [S]
    differences: Array  # [S, N] by test point, or [S]
    data: pd.Series  # [S], checksums of the data
    num_left_out: int

    @property
    def reversed(self) -> Pairs:
        """The other way round."""
        return replace(self, mine=self.theirs, theirs=self.mine, differences=-self.differences)


def paired(results: Results, trials: pd.DataFrame, one: str, other: str) -> Pairs:
    """``one`` minus ``other``; ``trials`` are those of one place, as `bench.reporting.captions.caveats.with_values`."""
    sides = [trials[trials["algorithm"] == name].set_index("seed") for name in (one, other)]
    shared = sides[0].index.intersection(sides[1].index).sort_values()
    sides = [side.loc[shared] for side in sides]
    valued = sides[0]["value"].notna() & sides[1]["value"].notna()
    mine, theirs = (side[valued] for side in sides)
    values = mine["value"].to_numpy(float), theirs["value"].to_numpy(float)
    by_point = _differences_by_point(results, mine, theirs)
    differences = values[0] - values[1] if by_point is None else by_point
    return Pairs(*values, differences, mine["data"], int((~valued).sum()))


def _differences_by_point(results: Results, mine: pd.DataFrame, theirs: pd.DataFrame) -> Array | None:
    """[S, N]; None if the points are not the same in each pair, or their values are not there."""
    points = [[*side["fingerprint"].dropna()] for side in (mine, theirs)]
    estimators = {*mine["estimator"], *theirs["estimator"]}
    if len(estimators) != 1 or points[0] != points[1]:
        return None
    (estimator,) = estimators
    one, other = (results.by_point(side["trial"], estimator) for side in (mine, theirs))
    return one - other if one is not None and other is not None and one.shape == other.shape else None
