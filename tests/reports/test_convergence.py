from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from PIL import Image

import bench as library
from bench import plugins
from bench.reporting.figures.grid import panel_grid
from bench.reporting.figures.looks import COLOURS, looks
from bench.reporting.rendering import make_reports
from bench.reporting.writers.files import contents

NAMES = ("convergence_samples", "convergence_seconds", "convergence_evaluations")
ConvergenceSamples, ConvergenceSeconds, ConvergenceEvaluations = (plugins.find("report")[name].load() for name in NAMES)

MARKS = [0, 100, 158, 251, 398, 631, 1000]


def bound(offset: float = 0.0) -> list[tuple[float, float]]:
    """From -60 before training to about -20."""
    return [(n, -20 - 40 * math.exp(-n / 300) + offset) for n in MARKS]


def drawn(results: Any, kind: type[Any] = ConvergenceSamples) -> Figure:
    figure = kind().figure(results)
    assert isinstance(figure, Figure)
    return figure


def line(ax: Axes, label: str) -> Line2D:
    (found,) = [line for line in ax.lines if line.get_label() == label]
    return found


def texts(figure: Figure) -> str:
    return " ".join(text.get_text() for text in figure.texts)


def legend(figure: Figure) -> list[str]:
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


@pytest.fixture
def three(rows: Any) -> Any:
    """Three algorithms, two latent sizes, two seeds; mcem has no encoder."""
    for z in (5, 3):
        for seed in range(2):
            for name, offset in (("aevb", 0.0), ("wakesleep", -2.0)):
                y = bound(offset + seed)
                rows.add(name, seed, z=z, bound=y, likelihoods={"importance": y[-1][1] + 1, "hmc": 0.0})
            rows.add("mcem", seed, z=z, bound=bound()[1:], encoder=False, likelihoods={"importance": -20.5 + seed})
    return rows


def test_lines_are_the_means_over_seeds(three: Any) -> None:
    ax = drawn(three.results()).axes[0]
    expected = [y + 0.5 for _, y in bound()][1:]  # samples = 0 has no place on a logarithmic axis
    solid, dashed = line(ax, "aevb, test"), line(ax, "aevb, train")
    assert solid.get_xdata() == pytest.approx(MARKS[1:])
    assert solid.get_ydata() == pytest.approx(expected)
    assert dashed.get_ydata() == pytest.approx([y + 0.5 for y in expected])
    assert solid.get_linestyle() == "-"
    assert dashed.get_linestyle() == "--"
    assert line(ax, "wakesleep, test").get_ydata() == pytest.approx([y - 2 for y in expected])


def test_band_reaches_from_the_lowest_to_the_highest_seed(three: Any) -> None:
    (band, _) = drawn(three.results()).axes[0].collections[:2]
    heights = band.get_paths()[0].vertices[:, 1]
    assert heights.min() == pytest.approx(bound()[1][1])
    assert heights.max() == pytest.approx(bound()[-1][1] + 1)


@pytest.mark.parametrize(("kind", "factor"), [(ConvergenceSeconds, 0.001), (ConvergenceEvaluations, 2)])
def test_each_figure_has_its_own_clock(three: Any, kind: type[Any], factor: float) -> None:
    ax = drawn(three.results(), kind).axes[0]
    assert line(ax, "aevb, test").get_xdata() == pytest.approx([n * factor for n in MARKS[1:]])
    assert ax.get_xscale() == "log"


def test_seconds_of_unequal_seeds_are_interpolated(rows: Any) -> None:
    rows.add(seed=0, bound=[(100, -40), (10_000, -20)], seconds_a_sample=0.01)  # at 1 and 100 seconds
    rows.add(seed=1, bound=[(100, -40), (10_000, -20)], seconds_a_sample=0.1)  # at 10 and 1000 seconds
    found = line(drawn(rows.results(), ConvergenceSeconds).axes[0], "aevb, test")
    assert found.get_xdata() == pytest.approx([10, 100])
    assert found.get_ydata() == pytest.approx([-35, -25])


def test_panels_are_one_for_each_latent_size_in_order(three: Any) -> None:
    first, second = drawn(three.results()).axes
    assert first.get_title(loc="left") == "digits, 1000 training points\nz = 3"
    assert second.get_title(loc="left") == "z = 5"
    assert first.get_ylabel() == "lower bound\n(nats per datapoint)"
    assert first.get_xlabel() == second.get_xlabel() == "training samples seen"
    assert first.get_ylim() == second.get_ylim()


def test_rows_are_data_sets_and_training_sizes(rows: Any) -> None:
    for n_train in (50_000, 1000):
        rows.add(n_train=n_train, bound=bound())
    titles = [ax.get_title(loc="left") for ax in drawn(rows.results()).axes]
    assert titles == ["digits, 1000 training points\nz = 3", "digits, 50000 training points\nz = 3"]


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (4, 4), (5, 3), (8, 4), (9, 3)])
def test_many_panels_wrap_into_even_rows(count: int, columns: int) -> None:
    _, (axes,) = panel_grid([count])
    assert len(axes) == count
    assert axes[0].get_subplotspec().get_gridspec().ncols == columns  # type: ignore[union-attr]


def test_log_likelihoods_are_hollow_marks_at_the_end(three: Any) -> None:
    figure = drawn(three.results())
    (mark,) = [c for c in figure.axes[0].containers if c.get_label() == "mcem, likelihood"]
    data, _, (bar,) = mark.lines
    assert (data.get_xdata()[0], data.get_ydata()[0]) == (1000, -20.0)
    assert data.get_markerfacecolor() == "white"
    (ends,) = bar.get_segments()
    assert ends[:, 1] == pytest.approx([-20 - math.sqrt(0.5), -20 + math.sqrt(0.5)])  # sd of two seeds a nat apart
    assert "log-likelihood, test data (importance)" in legend(figure)


def test_marks_of_one_budget_stand_side_by_side(three: Any) -> None:
    figure = drawn(three.results())
    figure.draw_without_rendering()
    marks = [c.lines[0] for c in figure.axes[0].containers]
    places = [mark.get_transform().transform((mark.get_xdata()[0], mark.get_ydata()[0]))[0] for mark in marks]
    assert len(places) == 3
    assert min(np.diff(places)) > 5


def test_marks_of_many_algorithms_leave_the_axis_to_the_curves() -> None:
    """Fifteen, at the end of the same budget: they and the margins take less than half of the axis."""
    ax = drawn(library.load("reference-digits")).axes[0]
    left, right = np.log(ax.get_xlim())
    last = max(np.log(line.get_xdata()[-1]) for line in ax.lines if len(line.get_xdata()) > 1)
    assert (right - last) < 0.45 * (right - left)


def test_algorithm_without_encoder_is_named_and_shown(three: Any) -> None:
    figure = drawn(three.results())
    assert "mcem has no encoder and so no lower bound; its log-likelihood is its mark." in texts(figure)
    assert "aevb has no encoder" not in texts(figure)
    assert legend(figure)[:3] == ["aevb", "wakesleep", "mcem"]


def test_caption_says_pixels_and_seeds(three: Any) -> None:
    caption = texts(drawn(three.results()))
    assert "Means over 2 seeds." in caption
    assert "Bands: lowest to highest seed" in caption
    assert "Pixels: grey values." in caption


def test_one_seed_has_no_band_and_no_error_bar(rows: Any) -> None:
    rows.add(bound=bound(), likelihoods={"importance": -20.0})
    figure = drawn(rows.results())
    (mark,) = figure.axes[0].containers
    assert not mark.has_yerr
    assert "One seed: its spread is unknown." in texts(figure)
    assert "Bands" not in texts(figure)


def test_diverged_seed_is_seen_and_named_and_wrecks_neither_mean_nor_axis(three: Any) -> None:
    before = drawn(three.results()).axes[0]
    three.add("aevb", 2, z=3, status="diverged", bound=[*bound()[:4], (400, -3e9)])
    figure = drawn(three.results())
    after = figure.axes[0]
    assert line(after, "aevb, test").get_ydata() == pytest.approx(line(before, "aevb, test").get_ydata())
    assert after.get_ylim() == before.get_ylim()
    assert line(after, "aevb, not in the mean").get_ydata()[-1] == -3e9
    assert "aevb: 1 of 5 seeds diverged (z = 3), not in the mean." in texts(figure)


def test_failed_algorithm_is_named(three: Any) -> None:
    for z in (3, 5):
        three.add("mine", z=z, status="failed")
    figure = drawn(three.results())
    assert "mine: all 2 seeds failed (z = 3, 5), not in the mean." in texts(figure)
    assert "mine has no encoder" not in texts(figure)


def test_axis_is_cut_where_the_untrained_model_lies(rows: Any) -> None:
    rows.add(bound=[(100, -543), (1000, -206), (10_000, -150), (100_000, -110), (1_000_000, -100)])
    low, high = drawn(rows.results()).axes[0].get_ylim()
    assert -170 < low < -150
    assert -100 < high < -90


def test_seeds_that_never_meet_are_drawn_each(rows: Any) -> None:
    rows.add(seed=0, bound=bound(), seconds_a_sample=1e-6)
    rows.add(seed=1, bound=bound(), seconds_a_sample=1.0)
    figure = drawn(rows.results(), ConvergenceSeconds)
    assert [found.get_label() for found in figure.axes[0].lines] == ["aevb, not in the mean"] * 2
    assert "aevb: its seeds have no stretch of this axis in common (z = 3), so each is drawn." in texts(figure)
    assert "no encoder" not in texts(figure)


def test_competitors_differ_in_colour_and_in_marker() -> None:
    assert [to_rgb(colour) for colour in COLOURS] == sns.color_palette("colorblind")
    found = looks(f"algorithm {i}" for i in range(10)).values()
    assert len({look.colour for look in found}) == len({look.marker for look in found}) == 10
    assert len({each.colour for each in looks(str(i) for i in range(25)).values()}) == 25


@pytest.mark.parametrize("name", ["aevb[learning_rate=0.02]", "<b>_&%$#", "_hidden", "a$b_c$", r"$\frac{$", "{}"])
def test_names_are_text(rows: Any, name: str) -> None:
    rows.add(name, dataset=name, bound=bound(), likelihoods={"importance": -20.0})
    rows.add(name, 1, dataset=name, status="failed")
    results = rows.results()
    figure = drawn(results)
    assert legend(figure)[0] == name
    files = contents(ConvergenceSamples().render(results), "figure", ("png", "svg", "pdf"))
    assert all(len(content) > 1000 for content in files.values())


@pytest.mark.parametrize("name", NAMES)
def test_every_format_is_written(three: Any, tmp_path: Path, name: str) -> None:
    (made,) = make_reports(three.results(), [name], folder=tmp_path)
    paths = made.paths
    assert paths == tuple(tmp_path / "figures" / f"{name}.{format_}" for format_ in ("png", "svg", "pdf"))
    assert all(path.stat().st_size > 5000 for path in paths)
    with Image.open(paths[0]) as image:
        assert min(image.size) > 500


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_show_makes_no_files(rows: Any, tmp_path: Path, name: str) -> None:
    for status in (None, "failed"):
        if status:
            rows.add(status=status)
        (made,) = make_reports(rows.results(), [name], folder=tmp_path / "report")
        assert (made.paths, made.error) == ((), None)
    assert not (tmp_path / "report").exists()


def test_files_depend_on_nothing_else(three: Any) -> None:
    """Neither on what was drawn before nor on the user's settings, which they leave unchanged."""
    formats = ("png", "svg", "pdf")
    first = contents(ConvergenceSamples().render(three.results()), "figure", formats)
    with mpl.rc_context({"font.size": 20, "lines.linewidth": 9, "axes.facecolor": "black"}):
        settings = dict(mpl.rcParams)
        second = contents(ConvergenceSamples().render(three.results()), "figure", formats)
        assert dict(mpl.rcParams) == settings
    assert second == first
