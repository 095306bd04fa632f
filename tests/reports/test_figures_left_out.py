"""What figures must not hide: which trials are missing, and how values were changed to be shown."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import bench
from bench import plugins
from bench.execution.execution import Execution
from bench.reporting.figures.grid import panel_grid
from bench.reporting.figures.image_panels import Row, draw
from bench.reporting.figures.log_axis import set_logarithmic
from bench.reporting.figures.scatter_panels import Scatter
from bench.reporting.figures.scatter_panels import draw as draw_scatters
from bench.results.frames import Results

OF_MODELS = ("manifold", "samples", "reconstructions", "latent_space")
MINE = '''from bench.algorithms.aevb import AEVB


class Mine(AEVB):
    """A user's own."""
'''


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two settings of a user's algorithm with an unusual name, two sizes, one seed, data outside [0, 1]."""
    folder = tmp_path_factory.mktemp("left_out")
    (folder / "$x_1$<b>.py").write_text(MINE)
    mine = f"{folder / '$x_1$<b>.py'}[learning_rate=0.02"
    asked: dict[str, Any] = {"algos": f"{mine}],{mine},num_samples=3]", "dataset": "ppca[pixels=6,num_train=200]"}
    asked |= {"z": [2], "n_train": [50, 200], "seeds": 1, "budget": 1000, "model": "linear"}
    asked |= {"likelihood": "exact", "likelihood_points": 60}
    bench.run(out=folder / "run", execution=Execution(backend="sequential", device="cpu"), quiet=True, **asked)
    return folder


@pytest.fixture
def results(trained: Path, tmp_path: Path) -> Results:
    return bench.load(shutil.copytree(trained / "run", tmp_path / "run"), trust=True)


def drawn(name: str, results: Any) -> Figure:
    figure = plugins.find("report")[name].load()().figure(results)
    assert isinstance(figure, Figure)
    return figure


def caption(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def titles(figure: Figure) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


@pytest.mark.parametrize("name", OF_MODELS)
def test_a_plugin_that_fails_since_is_named(name: str, trained: Path, results: Results) -> None:
    reference = plugins.PluginRef("algorithm", "$x_1$<b>", str(trained / "$x_1$<b>.py"))
    setup = reference.load().setup
    reference.load().setup = lambda *_: 1 / 0
    try:
        assert plugins.find("report")[name].load()().figure(bench.load(results.path, trust=True)) is None
    finally:
        reference.load().setup = setup


@pytest.mark.parametrize("name", OF_MODELS)
def test_seeds_that_are_not_done_are_named(name: str, results: Results, rewrite: Callable[..., None]) -> None:
    for path in results.path.glob("trials/*/status.json"):
        if "num_samples=3" in (path.parent / "spec.json").read_text():
            rewrite(path, status="diverged")
    told = caption(drawn(name, bench.load(results.path, trust=True)))
    expected = "$x_1$<b>[learning_rate=0.02,num_samples=3] is left out (50 training points, z = 2): no seed is done."
    assert expected.replace(" ", "") in told.replace(" ", "")  # lines are broken somewhere


@pytest.mark.parametrize("name", OF_MODELS)
def test_a_damaged_file_is_named_without_its_path(name: str, results: Results) -> None:
    next(results.path.glob("trials/*/model.safetensors")).write_bytes(b"damaged")
    told = caption(drawn(name, bench.load(results.path, trust=True)))
    assert "weights is damaged (it has no checksum)" in told
    assert str(results.path) not in told


@pytest.mark.parametrize("name", OF_MODELS)
def test_training_sizes_stand_above_their_rows_and_names_are_text(name: str, results: Results) -> None:
    figure = drawn(name, results)
    above = " ".join(titles(figure))
    assert "50 training points" in above
    assert "200 training points" in above
    assert "$x_1$<b>[" in above
    assert not any(ax.title.get_parse_math() for ax in figure.axes if ax.title.get_text())
    figure.draw_without_rendering()


def test_algorithms_stand_in_one_order_in_every_row(results: Results) -> None:
    names = [title.splitlines()[-1] for title in titles(drawn("samples", results))]
    assert names[:2] == names[2:]


def test_unbounded_data_are_shown_by_their_own_range(results: Results) -> None:
    model = results.models[0][0]
    x = model.data.x_test
    images = model.images(x)
    assert float(images.min()) == 0
    assert float(images.max()) == 1
    expected = (x - x.min()) / (x.max() - x.min())
    assert torch.allclose(images.flatten(-2), expected)
    assert "lowest and the highest value of the test data" in caption(drawn("reconstructions", results))


def test_titles_of_neighbours_never_overlap() -> None:
    sheet = np.zeros((8, 8), dtype=np.float32)
    name = "aevb[learning_rate=0.02,num_samples=5,estimator=A,batch_size=200]"
    figure = draw([Row("digits", [(name, sheet), (name, sheet), (name, sheet)])], [])
    figure.draw_without_rendering()
    boxes = [ax._left_title.get_window_extent() for ax in figure.axes]  # type: ignore[attr-defined]
    assert all(one.x1 < two.x0 for one, two in pairwise(boxes))


def test_a_label_looks_the_same_in_every_panel() -> None:
    z = np.eye(2, dtype=np.float32)
    figure = draw_scatters([Scatter("", "a", z, ["1", "10"]), Scatter("", "b", z, ["10", "2"])], [])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["1", "2", "10"]

    def colours(ax: Axes) -> dict[tuple[float, ...], Any]:
        return {tuple(marks.get_offsets()[0]): tuple(marks.get_facecolor()[0]) for marks in ax.collections}

    one, two = (colours(ax) for ax in figure.axes)
    assert one[0.0, 1.0] == two[1.0, 0.0]  # "10"
    assert one[1.0, 0.0] != two[0.0, 1.0]


def test_no_label_covers_all_others() -> None:
    z = np.zeros((100, 2), dtype=np.float32)
    figure = draw_scatters([Scatter("", "a", z, ["1", "2"] * 50)], [])
    colours = [tuple(marks.get_facecolor()[0]) for marks in figure.axes[0].collections]
    assert len(set(colours)) == 2
    assert sum(one != two for one, two in pairwise(colours)) > 10  # they take turns


@pytest.mark.parametrize(("low", "high"), [(1255, 1490), (0.0096, 0.0121), (1.0, 1.0), (300, 5e6), (7, 7.5)])
def test_a_logarithmic_axis_always_has_labels(low: float, high: float) -> None:
    _, ((ax,),) = panel_grid([1])
    left, right = set_logarithmic(ax, [low, high])
    assert left < low <= high < right
    ax.figure.draw_without_rendering()
    shown = [
        label.get_text()
        for minor in (False, True)
        for place, label in zip(ax.get_xticks(minor=minor), ax.get_xticklabels(minor=minor), strict=True)
        if left <= place <= right and label.get_text()
    ]
    assert len(shown) >= 2


def test_many_places_are_broken_into_blocks(rows: Any) -> None:
    for z in range(2, 9):
        rows.add(z=z, bound=[(0, -50), (100, -40), (1000, -30)])
        rows.add("mcem", z=z, bound=[(100, 0)], encoder=False)
    figure = drawn("time_to_target", rows.results())
    assert figure.get_size_inches()[0] < 13
    assert len(figure.axes) == 7 * 3
    assert "mcem has no encoder and so no lower bound." in caption(figure)
    assert "mcem has no encoder" in caption(drawn("performance_profile", rows.results()))
