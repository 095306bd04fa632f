"""Log-likelihood against training samples: on axes that fit, and on the paper's."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.axes import Axes

from bench import plugins

ConvergenceLikelihood, AEVBFig3 = (
    plugins.find("report")[name].load() for name in ("convergence_likelihood", "aevb_fig3")
)
ENDS = {"aevb": -130.0, "wakesleep[learning_rate=0.1]": -140.0, "mcem": -135.0}


def marks(end: float) -> list[tuple[float, float]]:
    return [(1e4, end - 60), (5e5, end - 10), (1e6, end)]


@pytest.fixture
def paper(rows: Any) -> Any:
    for n_train in (1000, 50_000):
        for algorithm, end in ENDS.items():
            name = "mcem[batch_size=100]" if (algorithm, n_train) == ("mcem", 50_000) else algorithm
            found = {"importance": end, "hmc": end}
            rows.add(name, n_train=n_train, dataset="mnist", likelihoods=found, on_the_way=marks(end))
    return rows


def lines(ax: Axes) -> dict[Any, list[tuple[float, float]]]:
    return {line.get_label(): list(zip(*map(list, line.get_data()), strict=True)) for line in ax.lines}  # type: ignore[arg-type]


def titles(figure: Any) -> list[str]:
    return [ax.get_title(loc="left") for ax in figure.axes]


def test_every_estimate_is_where_it_was_made(paper: Any) -> None:
    figure = ConvergenceLikelihood().figure(paper.results())
    panels = ["1000 training points, z = 3", "50000 training points, z = 3"]
    assert titles(figure) == [f"mnist, importance\n{panels[0]}", panels[1], f"mnist, hmc\n{panels[0]}", panels[1]]
    for ax in figure.axes:
        drawn = lines(ax)
        third = "mcem[batch_size=100]" if "50000" in ax.get_title(loc="left") else "mcem"
        for name, end in zip(("aevb", "wakesleep[learning_rate=0.1]", third), ENDS.values(), strict=True):
            assert drawn[f"{name}, test"] == marks(end)
            assert drawn[f"{name}, train"] == [(x, y + 2) for x, y in marks(end)]


def test_the_papers_frame_gives_monte_carlo_em_one_name_and_says_which_is_not_the_papers(paper: Any) -> None:
    figure = AEVBFig3().figure(paper.results())
    assert len(figure.axes) == 4
    figure.canvas.draw()
    for ax in figure.axes:
        assert ax.get_ylim() == (-160, -100)
        assert ax.get_xlim() == (0, 1e6)
        assert [label.get_text() for label in ax.get_xticklabels()][-1] == "1"  # millions
        assert set(lines(ax)) == {
            f"{name}, {split}" for name in ("aevb", "wakesleep", "mcem") for split in ("test", "train")
        }
    said = " ".join(text.get_text() for text in figure.texts).replace("\n", " ")
    assert "mcem with z = 3 and 50000 training points is mcem[batch_size=100]." in said
    assert "Monte Carlo EM in minibatches goes beyond the paper." in said


def test_the_papers_frame_keeps_names_that_one_panel_needs_apart(paper: Any) -> None:
    paper.add("mcem[num_leapfrog=5]", dataset="mnist", likelihoods={"importance": -133}, on_the_way=marks(-133))
    figure = AEVBFig3().figure(paper.results())
    assert {"mcem, test", "mcem[num_leapfrog=5], test"} <= set(lines(figure.axes[0]))


@pytest.mark.parametrize("without", ENDS)
def test_the_papers_frame_needs_all_three(paper: Any, without: str) -> None:
    plain = without.partition("[")[0]
    paper.likelihood_trace = [row for row in paper.likelihood_trace if not row["algorithm"].startswith(plain)]
    assert AEVBFig3().figure(paper.results()) is None
    assert ConvergenceLikelihood().figure(paper.results()) is not None


def test_the_papers_frame_is_not_drawn_empty_nor_for_other_data(paper: Any) -> None:
    for row in paper.likelihood_trace:
        row["log_likelihood"] -= 300
    assert AEVBFig3().figure(paper.results()) is None
    for row in [*paper.trials, *paper.likelihood_trace]:
        row["dataset"] = "digits"
        row["log_likelihood"] = -120
    assert AEVBFig3().figure(paper.results()) is None
