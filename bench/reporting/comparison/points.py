"""The error of a change because the test points are few, if both runs have values of the same ones."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bench.reporting.comparison import obstacles
from bench.statistics import crossed
from bench.statistics.moderated import Sample

if TYPE_CHECKING:
    from bench.results.frames import Results

Array = NDArray[np.float64]


def with_points(
    sample: Sample, base: Results, new: Results, old: pd.DataFrame, fresh: pd.DataFrame, seeds: pd.Index | None
) -> Sample:
    """The sample with the variance due to test points; ``seeds`` are those in pairs, None if they are not.

    Unchanged if the values by test point are not known, or not all of the same points.
    """
    points_of_base, one = _values(base, old, seeds)
    points_of_new, other = _values(new, fresh, seeds)
    if one is None or other is None or points_of_base != points_of_new or one.shape[1] < 2:
        return sample
    if seeds is not None:
        points = crossed.Variances.of(other - one).points  # at least 2 pairs: see `cell_tests`
    elif min(len(one), len(other)) > 1:
        points = crossed.points_of_difference(one, other)
    else:
        return sample
    return replace(sample, points=points, num_points=one.shape[1])


def _values(results: Results, trials: pd.DataFrame, seeds: pd.Index | None) -> tuple[str, Array | None]:
    """The checksum of the points, and the seeds' values by point [S, N]; None without these, or one set of points."""
    estimates = obstacles.first_estimates(results, trials).set_index("seed")
    estimates = estimates if seeds is None else estimates.reindex(seeds)
    points = estimates["points"].astype(object).fillna("").unique()
    if len(points) != 1 or not points[0] or estimates["estimator"].nunique() != 1:
        return "", None
    return str(points[0]), results.by_point(estimates["trial"], estimates["estimator"].iloc[0])
