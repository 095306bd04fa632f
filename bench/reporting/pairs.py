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
Rows = NDArray[np.intp]


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
        """The pairs with both sides exchanged."""
        return replace(self, mine=self.theirs, theirs=self.mine, differences=-self.differences)


class Side:
    """One algorithm at one place: ``trials`` are its rows of `bench.reporting.captions.caveats.with_values`."""

    def __init__(self, results: Results, trials: pd.DataFrame) -> None:
        """Extract what pairs need from the frame once, since an algorithm is compared with many others."""
        self.seeds = trials["seed"].to_numpy()
        self.values = trials["value"].to_numpy(float)
        self.data = trials["data"]
        self._results = results
        self._trials, self._estimators, self._fingerprints = (
            trials[column].to_numpy(object) for column in ("trial", "estimator", "fingerprint")
        )
        self._by_point: dict[bytes, Array | None] = {}

    def estimators(self, rows: Rows) -> set[str]:
        """The estimators of these rows."""
        return {*self._estimators[rows]}

    def fingerprints(self, rows: Rows) -> list[str]:
        """The checksums of the test points of these rows, as far as they are known."""
        return [each for each in self._fingerprints[rows] if isinstance(each, str)]

    def by_point(self, rows: Rows, estimator: str) -> Array | None:
        """See `Results.by_point`."""
        key = rows.tobytes()
        if key not in self._by_point:
            self._by_point[key] = self._results.by_point(self._trials[rows], estimator)
        return self._by_point[key]


def paired(one: Side, other: Side) -> Pairs:
    """The pairs of ``one`` minus the ``other``."""
    _, mine, theirs = np.intersect1d(one.seeds, other.seeds, return_indices=True)
    valued = ~np.isnan(one.values[mine]) & ~np.isnan(other.values[theirs])
    mine, theirs = mine[valued], theirs[valued]
    values = one.values[mine], other.values[theirs]
    by_point = _differences_by_point(one, mine, other, theirs)
    differences = values[0] - values[1] if by_point is None else by_point
    return Pairs(*values, differences, one.data.iloc[mine], int((~valued).sum()))


def _differences_by_point(one: Side, mine: Rows, other: Side, theirs: Rows) -> Array | None:
    """The differences [S, N]; None if the points differ within a pair, or if their values are unavailable."""
    estimators = one.estimators(mine) | other.estimators(theirs)
    if len(estimators) != 1 or one.fingerprints(mine) != other.fingerprints(theirs):
        return None
    (estimator,) = estimators
    values = one.by_point(mine, estimator), other.by_point(theirs, estimator)
    if values[0] is None or values[1] is None or values[0].shape != values[1].shape:
        return None
    return values[0] - values[1]
