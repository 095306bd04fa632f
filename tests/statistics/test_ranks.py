"""Rank histograms against simulations of uniform ranks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.statistics import ranks


def test_heights_are_a_density() -> None:
    drawn = np.random.default_rng(0).beta(0.5, 0.5, 20_000)
    edges = np.linspace(0, 1, 11)
    expected = np.diff(stats.beta(0.5, 0.5).cdf(edges)) * 10
    heights = ranks.histogram(drawn, 10)
    assert heights.mean() == pytest.approx(1)
    assert heights == pytest.approx(expected, abs=0.1)


@pytest.mark.parametrize(("num_ranks", "num_bins"), [(500, 20), (100, 5)])
def test_the_band_holds_all_bars_of_uniform_ranks_with_its_confidence(num_ranks: int, num_bins: int) -> None:
    low, high = ranks.uniform_band(num_ranks, num_bins, 0.9)
    drawn = np.random.default_rng(1).random((2000, num_ranks))
    heights = np.array([ranks.histogram(row, num_bins) for row in drawn])
    inside = float(((heights >= low) & (heights <= high)).all(1).mean())
    assert 0.88 < inside < 0.98  # counts are whole numbers, so that it cannot be 0.9
