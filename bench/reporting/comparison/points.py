"""The error of a change because the test points are few, if both runs have values of the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from bench.reporting.comparison.sides import Side
from bench.statistics import crossed
from bench.statistics.moderated import Sample

Array = NDArray[np.float64]


def with_points(sample: Sample, old: Side, fresh: Side, seeds: Sequence[int] | None) -> Sample:
    """The sample with the variance due to test points; ``seeds`` are those in pairs, None if they are not.

    Unchanged if the values by test point are not known, or not all of the same points.
    """
    points_of_base, one = _values(old, seeds)
    points_of_new, other = _values(fresh, seeds)
    if one is None or other is None or points_of_base != points_of_new or one.shape[1] < 2:
        return sample
    if seeds is not None:
        points = crossed.Variances.of(other - one).points  # at least 2 pairs: see `cell_tests`
    elif min(len(one), len(other)) > 1:
        points = crossed.points_of_difference(one, other)
    else:
        return sample
    return replace(sample, points=points, num_points=one.shape[1])


def _values(side: Side, seeds: Sequence[int] | None) -> tuple[str, Array | None]:
    """The checksum of the points, and the seeds' values by point [S, N]; None without these, or one set of points."""
    checksums = {side.points.get(seed, "") for seed in (side.points if seeds is None else seeds)}
    if len(checksums) != 1 or "" in checksums:
        return "", None
    estimates = side.estimates.set_index("seed")
    estimates = estimates if seeds is None else estimates.loc[[*seeds]]
    if estimates["estimator"].nunique() != 1:
        return "", None
    return checksums.pop(), side.results.by_point(estimates["trial"], estimates["estimator"].iloc[0])
