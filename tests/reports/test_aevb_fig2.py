from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure

from bench import plugins
from bench.reporting.writers.files import contents

AEVBFig2 = plugins.find("report")["aevb_fig2"].load()


def curve(end: float) -> list[tuple[float, float]]:
    return [(1e4, end - 300), (1e5, end - 20), (1e6, end)]


@pytest.fixture
def paper(rows: Any) -> Any:
    for dataset, sizes, end in (("mnist", (3, 5, 10, 20, 200), -120.0), ("freyface", (2, 5, 10, 20), 900.0)):
        for z in sizes:
            rows.add("aevb", z=z, dataset=dataset, bound=curve(end), likelihoods={"importance": end})
            rows.add("wakesleep[learning_rate=0.1]", z=z, dataset=dataset, bound=curve(end - 10))
            rows.add("mcem", z=z, dataset=dataset, encoder=False, bound=curve(end))
    return rows


def test_a_row_for_each_data_set_on_the_papers_axes(paper: Any) -> None:
    rendered = AEVBFig2().render(paper.results())
    assert rendered is not None
    figure = rendered.figure
    assert isinstance(figure, Figure)
    files = contents(rendered, "fig2", AEVBFig2.formats)
    assert list(files) == ["png", "svg", "pdf"]
    assert all(len(content) > 100 for content in files.values())
    titles = [ax.get_title(loc="left").splitlines()[-1] for ax in figure.axes]
    assert titles == [*(f"z = {z}" for z in (3, 5, 10, 20, 200)), *(f"z = {z}" for z in (2, 5, 10, 20))]
    tops = [ax.get_position().y1 for ax in figure.axes]
    assert len({round(top, 6) for top in tops[:5]}) == len({round(top, 6) for top in tops[5:]}) == 1
    assert {ax.get_xlim() for ax in figure.axes} == {(1e5, 1e8)}
    assert {ax.get_xscale() for ax in figure.axes} == {"log"}
    assert {ax.get_ylim() for ax in figure.axes[:5]} == {(-150, -100)}
    assert {ax.get_ylim() for ax in figure.axes[5:]} == {(0, 1600)}
    labels = {line.get_label() for line in figure.axes[0].lines}
    assert labels == {f"{name}, {split}" for name in ("aevb", "wakesleep") for split in ("test", "train")}
    said = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "wakesleep with z = 3 and 1000 training points is wakesleep[learning_rate=0.1]." in said


def test_is_not_drawn_for_what_is_not_the_papers_figure(rows: Any) -> None:
    for z in (3, 5):
        rows.add("aevb", z=z, dataset="mnist", bound=curve(-120))
        rows.add("wakesleep", z=z, dataset="digits", bound=curve(-120))
    assert AEVBFig2().figure(rows.results()) is None  # no wake-sleep on the paper's data
    for z in (3, 5):
        rows.add("wakesleep", z=z, dataset="mnist", bound=curve(-120))
    assert AEVBFig2().figure(rows.results()) is not None


def test_is_not_drawn_empty(rows: Any) -> None:
    for z in (3, 5):
        for name in ("aevb", "wakesleep"):
            rows.add(name, z=z, dataset="mnist", bound=curve(-400))
    assert AEVBFig2().figure(rows.results()) is None
