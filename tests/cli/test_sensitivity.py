"""The report `sensitivity`: the final log-likelihood of each value of a hyperparameter, and the scores while tuning."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure

import bench as library
from bench import plugins
from bench.report import RenderedFigure
from bench.reporting.sensitivity.panels import draw
from bench.results.frames import Results

BLOBS, UNDECIDED = (str(Path(__file__).parent.parent / "plugins" / f"{name}.py") for name in ("blobs", "undecided"))
QUICK = ("--dataset", BLOBS, "--z", "2", "--seeds", "2", "--backend", "sequential", "--likelihood-points", "20")
QUICK = (*QUICK, "--likelihood", "importance[num_samples=10]", "--model", "mlp[hidden=10]", "--budget", "600")
ALGOS = (
    "aevb[learning_rate=0.01]",
    "aevb[learning_rate=0.05]",
    "aevb[learning_rate=1e6]",
    "aevb",
    "wakesleep[learning_rate=0.1]",
    "wakesleep[learning_rate=0.1,phases=simultaneous]",
)

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def results(train: Callable[..., None], tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Given values, one of which diverges, a tuned one, and phases, which are no numbers."""
    folder = tmp_path_factory.mktemp("sensitivity")
    asked = ("run", *QUICK, "--algos", ",".join(ALGOS), "--tune", "halving[samples=1200,points=20]", "--out", "run")
    with pytest.raises(AssertionError):  # the exit code is 3, since trials have diverged
        train(folder, *asked)
    return library.load(folder / "run")


def figure(results: Results, **options: str) -> Figure:
    rendered = plugins.find("report")["sensitivity"].load()(**options).render(results)
    assert isinstance(rendered, RenderedFigure)
    return rendered.figure


def lines(ax: Axes) -> list[list[tuple[float, float]]]:
    """The points of each line of a panel; marks at the edge are none."""
    drawn = [line for line in ax.lines if line.get_transform() == ax.transData]
    return [[(float(x), float(y)) for x, y in zip(*line.get_data(), strict=True)] for line in drawn]


def marks(ax: Axes) -> list[tuple[float, str]]:
    """The values and the kinds of the marks at the lower edge."""
    at_edge = [line for line in ax.lines if line.get_transform() == ax.get_xaxis_transform()]
    return [(float(np.asarray(line.get_xdata())[0]), str(line.get_marker())) for line in at_edge]


def final(results: Results, algorithm: str) -> float:
    rows = results.trials[results.trials["algorithm"] == algorithm]
    return float(rows["log_likelihood_test"].mean())


def test_final_log_likelihoods_are_those_of_all_values_given_or_chosen(results: Results) -> None:
    ax = figure(results, hyperparameter="learning_rate").axes[0]
    assert "end of training" in ax.get_ylabel()
    (chosen,) = set(results.trials.loc[results.trials["algorithm"] == "aevb", "learning_rate"])
    expected = {0.01: final(results, ALGOS[0]), 0.05: final(results, ALGOS[1]), chosen: final(results, "aevb")}
    ((*points,),) = lines(ax)
    if chosen in (0.01, 0.05):
        pytest.fail("the tuned value must be another, otherwise nothing is shown")
    assert points == [(value, pytest.approx(expected[value])) for value in sorted(expected)]
    (circle,) = [each for each in ax.collections if isinstance(each, PathCollection) and len(each.get_offsets())]
    assert [float(each) for each in circle.get_offsets()[0]] == [chosen, pytest.approx(expected[chosen])]


def test_a_value_that_diverged_is_a_mark_and_flattens_nothing(results: Results) -> None:
    drawn = figure(results, hyperparameter="learning_rate")
    ax = drawn.axes[0]
    assert marks(ax) == [(1e6, "x")]
    ((*points,),) = lines(ax)
    heights = [y for _, y in points]
    low, high = ax.get_ylim()
    assert (max(heights) - min(heights)) > 0.3 * (high - low)
    assert any("× at the lower edge: diverged or failed" in text.get_text() for text in drawn.texts)


def test_scores_while_tuning_are_joined_if_they_are_after_equally_many_samples(results: Results) -> None:
    drawn = figure(results, hyperparameter="learning_rate")
    ax = drawn.axes[1]
    assert "validation score" in ax.get_ylabel()
    rows = results.tuning.drop_duplicates(["algorithm", "candidate", "score_samples"])
    rows = rows.assign(rate=rows["candidate"].str.removeprefix("learning_rate=").astype(float)).sort_values("rate")
    rounds = [list(zip(each["rate"], each["score"], strict=True)) for _, each in rows.groupby("score_samples")]
    assert [len(each) for each in rounds] == [3, 2]
    assert lines(ax) == rounds
    legend = [text.get_text() for each in drawn.legends for text in each.get_texts()]
    assert [f"after {samples:,.0f} samples" for samples in sorted(set(rows["score_samples"]))] == legend[-2:]


def test_values_that_are_no_numbers_are_categories(results: Results) -> None:
    (ax,) = figure(results, hyperparameter="phases").axes
    assert [tick.get_text() for tick in ax.get_xticklabels()] == ["alternating", "simultaneous"]
    ((*points,),) = lines(ax)
    assert points == [(0, pytest.approx(final(results, ALGOS[4]))), (1, pytest.approx(final(results, ALGOS[5])))]


def test_without_a_name_every_hyperparameter_that_differs_is_shown(results: Results) -> None:
    assert [ax.get_xlabel() for ax in figure(results).axes] == ["learning rate", "learning rate", "phases"]


def test_a_hyperparameter_of_which_there_is_nothing_is_refused_with_those_there_are(
    results: Results, bench: Bench
) -> None:
    asked = ("report", results.path, "--format", "png", "--out", "report", "--only")
    refused = bench(*asked, "sensitivity[hyperparameter=phase]", code=2)
    assert "one that was tuned, or that has several values in this run: here" in " ".join(refused.stderr.split())
    assert "learning_rate, phases" in refused.stderr
    assert "Did you mean 'phases'?" in refused.stderr
    assert "sensitivity-hyperparameter-phases.png" in bench(*asked, "sensitivity[hyperparameter=phases]").stdout


def test_a_run_in_which_nothing_differs_has_nothing_to_show(bench: Bench, tmp_path: Path) -> None:
    bench("run", *QUICK, "--algos", "aevb[learning_rate=0.1]", "--seeds", "1", "--out", "run")
    assert "nothing to show" in (shown := bench("report", "run", "--only", "sensitivity")).stdout + shown.stderr
    refused = bench("report", "run", "--only", "sensitivity[hyperparameter=learning_rate]", code=2)
    assert "of which there is none here" in " ".join(refused.stderr.split())


def test_a_score_far_below_all_others_is_off_the_axis_and_named() -> None:
    scores = {"0.01": -140.0, "0.02": -135.0, "0.05": -138.0, "0.1": -1e9}
    point = {"dataset": "mnist", "n_train": 1000, "z": 3, "hyperparameter": "learning_rate", "family": "aevb"}
    point |= {"quantity": "halving", "samples": 40_000.0, "failed": 0, "chosen": False}
    rows = pd.DataFrame(
        [{**point, "setting": each, "score": score, "low": score, "high": score} for each, score in scores.items()]
    )
    drawn = draw(rows, ["aevb"], [])
    (ax,) = drawn.axes
    assert -150 < ax.get_ylim()[0] < -140
    assert marks(ax) == [(0.1, "v")]
    assert [x for x, _ in lines(ax)[0]] == [0.01, 0.02, 0.05]
    assert "aevb at 0.1: -1e+09" in " ".join(text.get_text() for text in drawn.texts)
