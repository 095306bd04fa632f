"""`bench estimate`: further estimates of trained models, through the real command line."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

import bench as library

Bench = Callable[..., object]
BLOBS, BOUND, DEADLY = (
    Path(__file__).parent.parent / "plugins" / f"{name}.py" for name in ("blobs", "bound", "deadly")
)
TRAINED = [
    *("run", "--dataset", BLOBS, "--algos", "aevb[learning_rate=0.05],mcem", "--seeds", 1, "--budget", 1000),
    *("--likelihood", "importance[num_samples=20]", "--likelihood-points", 30, "--out", "run"),
    *("--backend", "sequential", "--tune", "paper[samples=500]"),
]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory, train: Callable[..., None]) -> Path:
    """Runs with z = 2, and with z = 2 and 4, shared by the tests."""
    folder = tmp_path_factory.mktemp("finished")
    for name, z in (("two", "2"), ("both", "2,4")):
        train(folder, *TRAINED, "--out", name, "--z", z)
    return folder


@pytest.fixture
def trained(finished: Path, tmp_path: Path) -> Path:
    """A copy of the first, as `run`."""
    return Path(shutil.copytree(finished / "two", tmp_path / "run"))


IN_PROCESS = ("--backend", "sequential")


def likelihoods(folder: Path) -> pd.DataFrame:
    return library.load(folder / "run").likelihoods


def test_other_estimates_stand_beside_the_first(bench: Bench, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished / "both", tmp_path / "run")
    before = likelihoods(tmp_path)
    shown = bench(
        *(
            "estimate",
            "run",
            "--trust",
            "--likelihood",
            "ais[num_steps=5],bdmc[num_steps=5,num_points=8],quadrature",
            "--points",
            20,
            *IN_PROCESS,
        )
    )
    after = likelihoods(tmp_path)
    kept = after[after["estimator"] == "importance[num_samples=20]"].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept[before.columns], before, check_dtype=False)
    counts = after.groupby("estimator", sort=False)["trial"].nunique()
    assert counts["ais[num_steps=5]"] == 4
    assert counts["bdmc[num_steps=5,num_points=8]"] == 4
    assert counts["quadrature"] == 2  # not at z = 4,
    assert "quadrature is not used at z = 4: quadrature is for up to 3" in shown.stderr  # and says so
    ais = after[after["estimator"] == "ais[num_steps=5]"]
    assert set(ais["num_points"]) == {20}
    assert set(ais["split"]) == {"test"}
    assert set(ais["bias"]) == {"lower"}
    assert json.loads(ais["settings"].iloc[0])["num_steps"] == 5
    assert (ais[["log_likelihood_se", "seconds", "model_evaluations", "acceptance"]] > 0).all().all()
    simulated = after[after["split"] == "simulated"]
    assert set(simulated["num_points"]) == {8}
    assert (simulated["upper"] - simulated["log_likelihood"] - simulated["gap"]).abs().max() < 1e-9
    assert "bounds of log p(x) on simulated data" in shown.stdout
    bench("report", "run", "--only", "simulated_bounds,losses", "--format", "csv,md", "--out", "report")
    bounds = pd.read_csv(tmp_path / "report" / "tables" / "simulated_bounds.csv").set_index("algorithm")
    encoded = bounds[bounds["eubo"].notna()]
    assert set(bounds.index) - set(encoded.index) == {"mcem"}  # which has no encoder
    middle = (encoded["lower"] + encoded["upper"]) / 2
    assert encoded["eubo"].to_numpy() == pytest.approx((middle + encoded["forward_kl"]).to_numpy())
    assert (encoded["forward_kl_se"] > 0).all()
    text = (tmp_path / "report" / "tables" / "simulated_bounds.md").read_text()
    assert "EUBO (nats)" in text
    of_encoder = pd.read_csv(tmp_path / "report" / "tables" / "losses.csv").dropna(subset="simulated_eubo")
    assert (of_encoder["simulated_eubo"] > of_encoder["simulated_bound"]).all()
    assert "KL both ways, simulated data" in (tmp_path / "report" / "tables" / "losses.md").read_text()
    trials = library.load(tmp_path / "run").trials
    assert set(trials["estimator"]) == {"importance[num_samples=20]"}  # still the first that was requested


def test_the_restored_model_is_the_trained_one(bench: Bench, trained: Path, tmp_path: Path) -> None:
    """The same estimator with the same points gives the same number, bit for bit."""
    first = likelihoods(tmp_path)
    bench("estimate", "run", "--trust", "--points", 20, *IN_PROCESS)  # takes the place of the first
    for file in tmp_path.glob("run/trials/*/checkpoint.*"):
        file.unlink()
    bench("estimate", "run", "--trust", *IN_PROCESS)
    again = likelihoods(tmp_path)
    same = ["trial", "estimator", "split", "log_likelihood", "log_likelihood_se", "estimator_seed", "model_evaluations"]
    pd.testing.assert_frame_equal(first[same], again[same])
    shown = bench("estimate", "run", "--trust", *IN_PROCESS)
    assert "Nothing to do" in shown.stderr


def test_more_points_and_the_training_data(bench: Bench, trained: Path, tmp_path: Path) -> None:
    bench("estimate", "run", "--trust", "--points", 40, *IN_PROCESS)
    assert set(likelihoods(tmp_path)["num_points"]) == {40}
    bench("estimate", "run", "--trust", "--split", "train", *IN_PROCESS)
    found = likelihoods(tmp_path)
    assert sorted(found["split"]) == ["test", "test", "train", "train"]
    assert set(found.loc[found["split"] == "train", "num_points"]) == {30}


def test_all_points_can_be_asked_for(bench: Bench, trained: Path, tmp_path: Path) -> None:
    bench("estimate", "run", "--trust", "--points", "all", *IN_PROCESS)
    assert set(likelihoods(tmp_path)["num_points"]) == {50}
    shown = bench("estimate", "run", "--trust", "--points", 1000, *IN_PROCESS)  # they are all
    assert "Nothing to do" in shown.stderr
    for wrong in ("0", "some"):
        refused = bench("estimate", "run", "--points", wrong, code=2)
        assert "'--points'" in refused.stderr
        assert f", or all (got {wrong}" in refused.stderr.replace("'", "")


def test_what_cannot_be_judged_is_a_row_with_its_reason(bench: Bench, trained: Path, tmp_path: Path) -> None:
    """Monte Carlo EM has no encoder and therefore no bound; its other estimates and those of other algorithms stay."""
    shown = bench("estimate", "run", "--trust", "--likelihood", BOUND, *IN_PROCESS, code=3)
    found = likelihoods(tmp_path)
    rows = found[found["estimator"] == "bound"].set_index("algorithm")
    assert pd.isna(rows.loc["mcem", "log_likelihood"])
    assert "This model has no encoder, so no q(z|x) and no lower bound" in rows.loc["mcem", "warnings"]
    assert pd.notna(rows.loc["aevb[learning_rate=0.05]", "log_likelihood"])
    assert "30 points without estimate" in shown.stdout


def test_a_worker_that_dies_fails_its_model_alone(bench: Bench, trained: Path, tmp_path: Path) -> None:
    shown = bench("estimate", "run", "--trust", "--likelihood", DEADLY, "--jobs", 1, code=3)
    found = likelihoods(tmp_path)
    rows = found[found["estimator"] == "deadly"]
    assert rows["algorithm"].tolist() == ["aevb[learning_rate=0.05]"]
    assert rows["log_likelihood"].notna().all()
    assert "mcem z=2 n=200 seed=0: failed: The worker process died" in shown.stderr


def test_an_estimator_judges_the_algorithms_that_it_can(bench: Bench, trained: Path, tmp_path: Path) -> None:
    shown = bench(
        "estimate", "run", "--trust", "--likelihood", "importance[num_samples=20,proposal=encoder]", *IN_PROCESS
    )
    found = likelihoods(tmp_path)
    judged = found.loc[found["estimator"] == "importance[num_samples=20,proposal=encoder]", "algorithm"]
    assert judged.tolist() == ["aevb[learning_rate=0.05]"]
    assert "is not used for mcem: `proposal` of importance cannot be 'encoder' for a model without" in shown.stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("estimate", "nowhere"), "is not a run folder"),
        (("estimate", "run", "--likelihood", "aiss"), "Did you mean 'ais'"),
        (
            ("estimate", "run", "--trust", "--likelihood", "exact", *IN_PROCESS),
            "exact cannot be used here: exact needs a linear-Gaussian",
        ),
        (("estimate", "run", "--likelihood", "ais[num_chains=1]"), "at least 2 (got '1')"),
        (("estimate", "run", "--points", "0"), "must be at least 1"),
        (("estimate", "empty"), "holds no trained model"),
        (
            ("run", "--z", "10", "--dataset", str(BLOBS), "--likelihood", "quadrature", *IN_PROCESS),
            "up to 3 latent dimensions (got 10)",
        ),
    ],
)
def test_requests_that_cannot_be_met(
    bench: Bench, trained: Path, tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "study.toml").write_text((tmp_path / "run" / "study.toml").read_text())
    assert words in bench(*arguments, code=2).stderr


def test_the_diagnosis_of_every_model(bench: Bench, trained: Path, tmp_path: Path) -> None:
    shown = bench("report", "run", "--only", "losses")
    results = library.load(tmp_path / "run")
    found = results.diagnosis.set_index("algorithm")
    with_encoder = found.loc["aevb[learning_rate=0.05]"]
    total = with_encoder["bound"] + with_encoder["amortisation_gap"] + with_encoder["approximation_gap"]
    assert total == pytest.approx(with_encoder["log_likelihood"])
    assert pd.isna(found.loc["mcem", "amortisation_gap"])
    assert found["num_gap_points"].tolist() == [30, 30]
    latents = results.latents
    assert latents.groupby("trial").size().tolist() == [2, 2]
    summed = latents.groupby("algorithm")["kl"].sum()
    assert summed[found.index].to_numpy() == pytest.approx(found["kl"].to_numpy())
    assert "Where each model loses" in shown.stdout
    table = pd.read_csv(tmp_path / "run" / "report" / "tables" / "losses.csv")
    assert table["decoder_gap"].min() == 0
    exported = bench("export", "run", "--what", "latents").stdout
    assert exported.splitlines()[0].startswith("trial,algorithm,dataset,z,n_train,seed,dimension,kl")


def test_a_failed_estimate_has_no_bias_and_the_diagnosis_takes_one_that_has_a_number(
    bench: Bench, tmp_path: Path
) -> None:
    asked = [*TRAINED]
    asked[asked.index("--likelihood") + 1] = f"{BOUND},importance[num_samples=20]"
    bench(*asked, "--z", 2)
    results = library.load(tmp_path / "run")
    failed = results.likelihoods[results.likelihoods["log_likelihood"].isna()]
    assert failed["algorithm"].tolist() == ["mcem"]
    assert set(failed["bias"]) == {""}
    diagnosis = results.diagnosis.set_index("algorithm")
    assert diagnosis.loc["mcem", "estimator"] == "importance[num_samples=20]"
    assert diagnosis.loc["mcem", ["log_likelihood", "best_bound", "approximation_gap"]].notna().all()
