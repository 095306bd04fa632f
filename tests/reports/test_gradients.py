"""The signal-to-noise ratio of gradients by the number of draws: in theory K^(-1/2) and K^(1/2)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import bench
from bench import plugins
from bench.algorithm import Algorithm
from bench.errors import UsageError
from bench.execution.execution import Execution
from bench.profiling.gradients import Gradients
from bench.report import RenderedFigure
from bench.reporting.gradients import rates, signal_to_noise
from bench.results.frames import Results
from bench.training.problem import Batch

NUMBERS = (4, 8, 16, 32)
STANDARD, DREG = "iwae[learning_rate=0.1]", "iwae[learning_rate=0.1,gradient=dreg]"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A linear-Gaussian model, with an algorithm beside that has too few numbers of draws."""
    families = [("iwae", "", NUMBERS), ("iwae", ",gradient=dreg", NUMBERS), ("rws", "", NUMBERS[:3])]
    algos = ["aevb[learning_rate=0.1]"]
    for name, option, numbers in families:
        algos += [f"{name}[learning_rate=0.1,num_samples={number}{option}]" for number in numbers]
    settings: dict[str, Any] = {"algos": algos, "seeds": 1, "z": 2, "budget": 5000, "eval_points": 10}
    settings |= {"dataset": "ppca[noise=1]", "model": "linear", "likelihood": "exact", "likelihood_points": 10}
    out = tmp_path_factory.mktemp("gradients") / "run"
    return bench.run(out=out, execution=Execution(backend="sequential", device="cpu"), quiet=True, **settings)


@pytest.fixture(scope="module")
def rows(results: Results) -> pd.DataFrame:
    return signal_to_noise(results, repeats=64, datapoints=300)


def test_ratios_rise_and_fall_as_in_theory(rows: pd.DataFrame) -> None:
    """Rainforth et al. 2018, theorem 1, for the standard gradient; Tucker et al. 2019 for the other one."""
    fitted = rates(rows).set_index(["family", "part"])
    for (family, part), row in fitted.iterrows():
        expected = -0.5 if part == "encoder" and "dreg" not in family else 0.5
        assert row["rate"] == pytest.approx(expected, abs=0.2), (family, part)
        assert 0 < row["rate_se"] < 0.12
    assert len(fitted) == 4


def test_only_algorithms_with_enough_numbers_are_measured_all_at_one_model(rows: pd.DataFrame) -> None:
    assert {*rows["family"]} == {STANDARD, DREG}  # rws has three
    assert {*rows["at"]} == {"aevb[learning_rate=0.1]"}
    assert {*rows["num_samples"]} == {*NUMBERS}


def test_gradients_of_the_decoder_are_the_same_whatever_the_encoder_s(rows: pd.DataFrame) -> None:
    of_decoder = rows[rows["part"] == "decoder"].pivot_table("signal_to_noise", "num_samples", "family")
    assert of_decoder[STANDARD].to_numpy() == pytest.approx(of_decoder[DREG].to_numpy(), rel=1e-3)


def test_figure_has_a_panel_for_each_part_and_says_the_exponents(results: Results) -> None:
    rendered = plugins.create("report", "gradients[repeats=64,datapoints=5]").render(results)
    assert isinstance(rendered, RenderedFigure)
    assert [len(axes.lines) for axes in rendered.figure.axes] == [2, 2]
    caption = "\n".join(text.get_text() for text in rendered.figure.texts)
    assert "at most 64 repetitions" in caption
    assert "Exponents of K, encoder" in caption


def test_runs_with_few_numbers_of_draws_have_no_such_figure(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"algos": ["iwae[num_samples=2]", "iwae[num_samples=4]", "aevb"], "seeds": 1, "z": 2}
    settings |= {"dataset": "ppca", "model": "linear", "budget": 200, "tune": "paper[samples=200]"}
    settings |= {"likelihood": "exact", "likelihood_points": 10}
    results = bench.run(out=tmp_path / "run", execution=Execution(backend="sequential"), quiet=True, **settings)
    assert plugins.create("report", "gradients").render(results) is None


def test_pixels_that_training_draws_anew_are_drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not the probabilities that the data set holds."""
    settings: dict[str, Any] = {"algos": [f"iwae[learning_rate=0.02,num_samples={n}]" for n in (1, 2, 3, 4)], "z": 2}
    settings |= {"dataset": "digits[binarize=dynamic]", "hidden": 3, "budget": 100, "eval_points": 10, "seeds": 1}
    settings |= {"likelihood": "importance[num_samples=5,proposal=encoder]", "likelihood_points": 5}
    results = bench.run(out=tmp_path / "run", execution=Execution(backend="sequential"), quiet=True, **settings)
    seen = []

    def measured(algorithm: Algorithm, batch: Batch, **_: int) -> Gradients:
        seen.append(batch.x)
        raise UsageError("its gradient is not finite")

    monkeypatch.setattr("bench.reporting.gradients.measure", measured)
    assert signal_to_noise(results, repeats=64, datapoints=7).empty  # what cannot be measured has no rows
    assert [{*x.unique().tolist()} for x in seen] == [{0.0, 1.0}] * 4
    assert {len(x) for x in seen} == {7}
