"""What is pooled over several places is not over older data or code."""

from __future__ import annotations

from typing import Any

import pytest

from bench import plugins
from bench.report import RenderedTable
from bench.reporting.tables.stale import marked

OLDER = "digits (older data)"


@pytest.fixture
def results(rows: Any) -> Any:
    """Two places at which `one` is quicker and better, and an older one at which `other` is."""
    for dataset, z, best in (("digits", 3, "one"), ("digits", 5, "one"), (OLDER, 3, "other")):
        for name in ("one", "other"):
            for seed in range(3):
                high = -20.0 - 0.01 * seed if name == best else -22.0 - 0.02 * seed
                slow = 1 if name == best else 8
                bound = [(10 * slow, -40), (100 * slow, high), (10_000, high)]
                rows.add(name, seed, dataset=dataset, z=z, likelihoods={"importance": high}, bound=bound)
    found = rows.results()
    found.older_datasets = frozenset({OLDER})
    return found


def test_the_performance_profile_leaves_older_places_out(results: Any) -> None:
    figure = plugins.create("report", "performance_profile").figure(results)
    one, other = (line.get_ydata()[0] for line in figure.axes[0].lines)  # at the time of the best of a place
    assert one > 0
    assert other == 0  # which is the best of the older place alone


def test_differences_over_all_places_leave_older_ones_out(results: Any) -> None:
    table = plugins.create("report", "differences").table(results).set_index("dataset")
    assert table.loc["all", "places"] == 2
    assert table.loc["all", "difference"] == pytest.approx(table.loc["digits", "difference"].mean())
    assert table.loc[OLDER, "difference"] < 0 < table.loc["all", "difference"]


def test_a_table_has_a_stale_column_only_if_there_is_something_in_it(rows: Any) -> None:
    for name in ("one", "other"):
        rows.add(name, likelihoods={"importance": -20.0})
    results = rows.results()
    results.changed_since = {results.trials["trial"].iloc[0]: "algorithm"}
    numbers = results.trials[["dataset", "n_train", "z", "algorithm"]]
    for frame, columns in ((numbers.iloc[1:], []), (numbers, ["1 of 1", ""])):
        table = marked(RenderedTable(frame, frame.astype(str)), results)
        assert [*table.shown.get("stale", [])] == columns
        assert ("stale" in table.numbers) == bool(columns)
