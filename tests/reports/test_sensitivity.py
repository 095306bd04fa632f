"""The scores of candidates, as table and figure: those that the trials hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench import plugins
from bench.execution.execution import Execution
from bench.report import RenderedFigure, RenderedTable
from bench.results.frames import Results
from bench.store.run_folder import Store

PLUGINS = Path(__file__).parent.parent / "plugins"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """AEVB and an algorithm that chooses something else than a step size."""
    asked: dict[str, Any] = {"algos": ["aevb", str(PLUGINS / "undecided.py")], "seeds": 4, "z": 2, "budget": 300}
    asked |= {"dataset": str(PLUGINS / "blobs.py"), "likelihood": "importance[num_samples=10]", "likelihood_points": 10}
    out = tmp_path_factory.mktemp("sensitivity") / "run"
    return bench.run(out=out, execution=Execution(backend="sequential", device="cpu"), quiet=True, **asked)


def rendered(results: Results, name: str, **options: object) -> Any:
    return plugins.find("report")[name].load()(**options).render(results)


def test_table_holds_every_candidate_once(results: Results) -> None:
    table = rendered(results, "tuning")
    assert isinstance(table, RenderedTable)
    expected = []
    for trial in results.trials.drop_duplicates("algorithm")["trial"]:
        tuning = Store(results.path).trial(trial).read_status().tuning
        assert tuning is not None
        expected += [*tuning.objectives.items()]
    assert list(zip(table.numbers["candidate"], table.numbers["score"], strict=True)) == expected
    chosen = table.numbers[table.numbers["chosen"]]
    assert dict(zip(chosen["algorithm"], chosen["candidate"], strict=True)) == dict(
        results.trials.drop_duplicates("algorithm")[["algorithm", "chosen"]].itertuples(index=False)
    )
    assert len(results.tuning) == 4 * len(expected)  # of each seed


@pytest.mark.parametrize(("hyperparameter", "algorithm"), [("learning_rate", "aevb"), ("level", "undecided")])
def test_figure_shows_scores_against_values(results: Results, hyperparameter: str, algorithm: str) -> None:
    figure = rendered(results, "sensitivity", hyperparameter=hyperparameter)
    assert isinstance(figure, RenderedFigure)
    (ax,) = [ax for ax in figure.figure.axes if ax.lines]
    (line,) = ax.lines
    rows = results.tuning.drop_duplicates(["algorithm", "candidate"])
    rows = rows[rows["algorithm"] == algorithm]
    values = [float(text.partition("=")[2]) for text in rows["candidate"]]
    points = sorted(zip(values, rows["score"], strict=True))
    assert [tuple(point) for point in zip(*line.get_data(), strict=True)] == points
    ((x, y),) = ax.collections[0].get_offsets()
    assert y == max(rows["score"])
    assert rows.loc[rows["score"] == y, "candidate"].tolist() == [f"{hyperparameter}={x:g}"]


def test_there_is_nothing_to_show_if_nothing_was_tuned(results: Results, trained_run: Path) -> None:
    assert rendered(results, "sensitivity", hyperparameter="batch_size") is None
    others = bench.load(trained_run).tuning
    assert isinstance(others, pd.DataFrame)
    assert set(others["algorithm"]) == {"mcem"}
