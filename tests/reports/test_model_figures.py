"""Figures of trained models, on a real run."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from scipy import stats

import bench
from bench import plugins
from bench.reporting.figures.image_panels import mosaic
from bench.results.frames import Results

OF_MODELS = ("manifold", "samples", "reconstructions", "latent_space")


@pytest.fixture
def results(trained_run: Path, tmp_path: Path) -> Results:
    return bench.load(shutil.copytree(trained_run, tmp_path / "run"), trust=True)


def drawn(name: str, results: Any, **settings: object) -> Figure:
    figure = plugins.find("report")[name].load()(**settings).figure(results)
    assert isinstance(figure, Figure)
    return figure


def titles(figure: Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


def caption(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def sheet(ax: Axes) -> np.ndarray:
    return np.asarray(ax.images[0].get_array())


def test_a_mosaic_keeps_every_image_in_its_place() -> None:
    images = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    made = mosaic(images)
    assert made.shape == (2 * 5 - 1, 3 * 6 - 1)
    assert (made[5:9, 12:17] == images[1, 2]).all()
    assert (made[4] == 1).all()
    assert (mosaic(images, gap=0)[4:8, 5:10] == images[1, 1]).all()


def test_the_manifold_is_the_decoder_at_quantiles(results: Results) -> None:
    figure = drawn("manifold", results, size="5")
    assert titles(figure) == ["blobs, 200 training points\naevb[learning_rate=0.05]", "mcem"]
    model = results.models[0][0]
    rows, columns = model.data.image_shape
    z = torch.tensor([[stats.norm.ppf(0.9), stats.norm.ppf(0.3)]], dtype=torch.float32)
    expected = model.decode(z)[0]
    top, left = 3 * (rows + 1), 4 * (columns + 1)  # z1 = 0.9 is the last column, z2 = 0.3 the fourth row from above
    found = sheet(figure.axes[0])[top : top + rows, left : left + columns]
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_reconstructions_begin_with_the_images(results: Results) -> None:
    figure = drawn("reconstructions", results, count="4")
    model = results.models[0][0]
    rows, columns = model.data.image_shape
    second = sheet(figure.axes[0])[:, columns + 1 : 2 * columns + 1]
    np.testing.assert_allclose(second, model.data.x_test[1].reshape(rows, columns), atol=1e-6)
    expected = model.decode(model.encode(model.data.x_test[:4]))[1]
    np.testing.assert_allclose(sheet(figure.axes[1])[:, columns + 1 : 2 * columns + 1], expected, atol=1e-5)


def test_samples_use_the_same_draws_for_every_algorithm(results: Results) -> None:
    models = {each.cell.algorithm: each for each in results.models[0] if each.cell.z == 3}
    draws = [each.model.sample_prior(4, bench.seeds.generator("figure of samples", 3)) for each in models.values()]
    assert torch.equal(draws[0], draws[1])
    assert len(titles(drawn("samples", results))) == 4


def test_the_scatter_shows_the_codes_of_the_test_data(results: Results) -> None:
    figure = drawn("latent_space", results, points="50")
    model = results.models[0][0]
    points = np.concatenate([np.asarray(marks.get_offsets()) for marks in figure.axes[0].collections])
    expected = model.encode(model.data.x_test[:50]).numpy()
    assert sorted(points[:, 0]) == pytest.approx(sorted(expected[:, 0]), abs=1e-5)


def test_latent_dimensions_are_those_of_the_table(results: Results) -> None:
    figure = drawn("latent_dimensions", results)
    own = results.latents[(results.latents["algorithm"] == "mcem") & (results.latents["z"] == 3)]
    expected = own.groupby("dimension")["kl"].mean()
    lines = [line for line in figure.axes[1].lines if len(line.get_xdata()) == 3]
    assert list(lines[1].get_ydata()) == pytest.approx(list(expected))
    units = results.diagnosis.loc[results.diagnosis["algorithm"] == "mcem"].groupby("z")["active_units"].mean()
    assert f"mcem {units[3]:.1f}." in caption(figure)


def test_calibration_is_that_of_models_with_an_encoder(results: Results) -> None:
    figure = drawn("calibration", results)
    assert "aevb[learning_rate=0.05] is" in caption(figure)
    assert "mcem" not in caption(figure)
    line = figure.axes[0].lines[-1]  # coverage increases with the level, from 0 to 1
    assert (np.diff(line.get_ydata()) > 0).all()
    assert line.get_ydata()[-1] == 1


def test_rank_histograms_are_densities_of_each_dimension_and_of_all(results: Results) -> None:
    figure = drawn("rank_histograms", results)
    assert "aevb[learning_rate=0.05] is" in caption(figure)
    assert "mcem" not in caption(figure)
    assert titles(figure) == ["blobs, 200 training points\nz = 2", "z = 3"]
    for ax, num_dimensions in zip(figure.axes, (2, 3), strict=True):
        *single, together = [patch.get_data().values for patch in ax.patches if isinstance(patch, StepPatch)]
        assert len(single) == num_dimensions
        assert together == pytest.approx(np.mean(single, 0))
        assert together.mean() == pytest.approx(1)
        assert len(together) == 20


@pytest.mark.parametrize("name", OF_MODELS)
def test_models_that_are_not_there_are_named(name: str, results: Results) -> None:
    for path in results.path.glob("trials/*/model.safetensors"):
        if '"mcem"' in (path.parent / "spec.json").read_text():
            path.unlink()
    figure = drawn(name, bench.load(results.path, trust=True))
    assert "does not exist" in caption(figure)
    assert not any("mcem" in title for title in titles(figure))
    for path in results.path.glob("trials/*/model.safetensors"):
        path.unlink()
    assert plugins.find("report")[name].load()().figure(bench.load(results.path, trust=True)) is None


def test_times_stand_where_they_are_and_never_is_apart(rows: Any) -> None:
    for seed in range(3):
        rows.add("$x_1$<b>", seed, bound=[(0, -50), (100, -40), (1000, -30)])
        rows.add("slow", seed, status="diverged" if seed else "done", bound=[(0, -50), (100, -45), (1000, -30)])
    figure = drawn("time_to_target", rows.results())
    samples = np.concatenate([np.asarray(marks.get_offsets()) for marks in figure.axes[0].collections])
    assert len(samples) == 6
    assert (samples[:, 0] > 1000).sum() == 2  # the two that diverged, beyond the last mark
    assert "slow: 2 diverged of 3 runs, which count as never." in caption(figure)
    assert "never" in [text.get_text() for text in figure.axes[0].texts]
    assert "$x_1$<b>" in [text.get_text() for text in figure.legends[0].get_texts()]
    profile = drawn("performance_profile", rows.results())
    slow = profile.axes[0].lines[1]
    assert max(slow.get_ydata()) == pytest.approx(1 / 3)


def test_cost_marks_every_seed_and_the_front(rows: Any) -> None:
    for seed, value in enumerate([-20.0, -22.0]):
        rows.add("aevb", seed, likelihoods={"importance": value}, bound=[(1000, -30)])
        rows.add("dear", seed, likelihoods={"importance": value - 1}, bound=[(2000, -30)])
    figure = drawn("cost", rows.results(), clock="samples")
    assert list(figure.axes[0].lines[0].get_xdata()) == [1000]
    assert list(figure.axes[0].lines[0].get_ydata()) == [-21]
