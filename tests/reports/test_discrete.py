"""Reports on a study in which one algorithm has discrete z: what does not apply to it is left out, with a note."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure

import bench
from bench import plugins
from bench.execution.execution import Execution
from bench.results.frames import Results
from bench.values.calls import split_list

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
GROUPS = "vqvae[num_codes=6,num_groups=2]"


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two latent sizes and an estimator that cannot evaluate codes."""
    asked: dict[str, Any] = {"algos": f"aevb,vqvae[num_codes=5],{GROUPS}", "dataset": BLOBS, "z": [2, 4], "seeds": 1}
    asked |= {"likelihood": "quadrature,importance[num_samples=20]", "likelihood_points": 20, "budget": 500}
    out = tmp_path_factory.mktemp("discrete") / "run"
    return bench.run(out=out, execution=Execution(backend="sequential", device="cpu"), quiet=True, **asked)


def caption(name: str, results: Results) -> str:
    figure = plugins.find("report")[name].load()().figure(results)
    assert isinstance(figure, Figure)
    return " ".join(" ".join(text.get_text() for text in figure.texts).split())


def test_algorithms_are_compared_by_an_estimator_that_judges_them_all(results: Results) -> None:
    assert set(results.trials["status"]) == {"done"}
    assert set(results.trials["estimator"]) == {"importance[num_samples=20]"}
    judged = results.likelihoods.groupby(["algorithm", "z"])["estimator"].unique().map(set)
    assert judged["aevb", 2] == {"quadrature", "importance[num_samples=20]"}
    assert judged["aevb", 4] == judged[GROUPS, 2] == {"importance[num_samples=20]"}


def test_figures_say_what_a_code_is(results: Results) -> None:
    told = caption("manifold", results)
    assert "vqvae[num_codes=5] is left out (200 training points, z = 2): its z is one of 5 codes, no plane." in told
    assert "its z is one of 6^2 codes" in told
    assert "aevb is left out" not in told
    for name in ("latent_space", "reconstructions"):
        assert ": z is the vector of the codes that the encoder chooses." in caption(name, results)
    told = caption("samples", results)
    both = told.partition("the same for all algorithms but ")[2].partition(", whose priors are over codes")[0]
    assert set(split_list(both)) == {"vqvae[num_codes=5]", GROUPS}
    assert "a group of codes is a dimension" in caption("latent_dimensions", results)


def test_a_point_in_latent_space_is_a_code(results: Results) -> None:
    (model,) = [each for each in results.models[0] if each.cell.algorithm == GROUPS and each.cell.z == 2]
    z = model.encode(model.data.x_test)
    assert z.shape == (50, 2)
    assert len(z.unique(dim=0)) <= 36
    assert (z == model.model.vectors(model.model.encode_codes(model.data.x_test))).all()  # type: ignore[attr-defined]


def test_losses_of_codes(results: Results) -> None:
    table = plugins.find("report")["losses"].load()()
    frame = table.table(results)
    sums = frame["bound"] + frame["amortisation_gap"] + frame["approximation_gap"]
    assert sums.to_numpy() == pytest.approx(frame["log_likelihood"].to_numpy())
    codes = frame[frame["algorithm"] == GROUPS]
    assert (codes["approximation_gap"] >= 0).all()
    assert (codes["amortisation_gap"] >= 0).all()
    assert codes["num_states"].tolist() == [36, 36]
    shown = table.display(frame).set_index(["algorithm", "z"])["codes in use"]
    assert shown["aevb", "2"] == "–"
    assert " of 36 (perplexity " in shown[GROUPS, "4"]
    without = frame[frame["algorithm"] == "aevb"].reset_index(drop=True)
    assert "codes in use" not in table.display(without).columns
