"""The scores of candidates, as table and figure: those that the trials hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

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
    shown = table.shown
    assert shown["chosen"].str.startswith("yes").tolist() == table.numbers["chosen"].tolist()
    assert set(shown["samples of all"]) == {"60,000"}  # three candidates, four seeds, 5000 each
    assert set(shown["after samples"]) == {"5000"}


def test_a_choice_that_was_made_by_the_paper_s_rule_is_shown(results: Results) -> None:
    """Each hyperparameter has its panels: the end of training, and the objective by which it was chosen."""
    figure = rendered(results, "sensitivity")
    assert isinstance(figure, RenderedFigure)
    final, scores, level, objectives = figure.figure.axes
    assert [ax.get_xlabel() for ax in (final, scores, level, objectives)] == ["learning rate"] * 2 + ["level"] * 2
    for ax, algorithm in ((scores, "aevb"), (objectives, "undecided")):
        (line,) = [each for each in ax.lines if len(each.get_xdata()) > 1]
        rows = results.tuning.drop_duplicates(["algorithm", "candidate"])
        rows = rows[rows["algorithm"] == algorithm]
        values = [float(text.partition("=")[2]) for text in rows["candidate"]]
        assert list(zip(*line.get_data(), strict=True)) == sorted(zip(values, rows["score"], strict=True))
        assert "first objective" in ax.get_ylabel()
