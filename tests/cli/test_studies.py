"""Studies with parts and sizes, and log p(x) along training, through the command line."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pages import page_of_tables

import bench as library
from bench import api, plugins
from bench.studies import files as study_files

BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")
HERE = library.Execution(backend="sequential")

Bench = Callable[..., subprocess.CompletedProcess[str]]


# What each study is made to show; so short a run does not reach the paper's axes, those of `aevb_fig2` and `aevb_fig3`.
SHOWN = {
    "aevb-fig2": {"convergence_samples"},
    "aevb-fig3": {"convergence_likelihood"},
    "aevb-fig4": {"manifold"},
    "aevb-fig5": {"samples"},
    "aevb-fullvb": {"convergence_samples"},
    "review": {"manifold", "reconstructions", "latent_space"},
    "successors": {"log_likelihood", "samples"},
    "collapse": {"losses", "latent_dimensions"},
    "iwae-table1": {"iwae_table1"},
    "gradients": {"gradients[repeats=64]"},
    "reference-digits": {"log_likelihood"},
    "reference-mnist": {"log_likelihood"},
}

WHOLE_PAGE = {"successors"}  # which has every kind of z; the other pages are made with the tables alone


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.parametrize("name", study_files.shipped_names())
def test_every_shipped_study_runs_and_is_reported(
    bench: Bench, unpacked_data_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("BENCH_DATA_DIR", str(unpacked_data_dir))
    bench("run", name, "--size", "smoke", "--backend", "sequential", "--out", "run")
    asked = study_files.read(name).parts("smoke")[1]
    run = library.load(tmp_path / "run")
    assert (run.trials["status"] == "done").all()
    assert len(run.trials) == sum(len(s.algos) * len(s.z) * len(s.n_train) * len(s.seeds) for s in asked.values())
    formats = {plugins.create("report", report).formats[0] for report in SHOWN[name]}
    page = {"index"} if name in WHOLE_PAGE else set()
    formats |= {"html"} if page else set()
    bench("report", "run", "--only", ",".join(SHOWN[name] | page), "--format", ",".join(formats))
    drawn = {path.stem for path in (tmp_path / "run" / "report").rglob("*") if path.suffix in (".png", ".csv")}
    assert {file.partition("-")[0] for file in drawn} >= {report.partition("[")[0] for report in SHOWN[name]}
    index = tmp_path / "run" / "report" / "index.html"
    shown = index.read_text(encoding="utf-8") if page else page_of_tables(run, tmp_path / "tables")
    assert len(shown) > 1e5
    assert "could not be made" not in shown


TWO = f"""
[study]
dataset = {BLOBS!r}
algos = ["aevb[learning_rate=0.1]"]
seeds = [0]
z = [2]
likelihood = ["importance[num_samples=20,proposal=encoder]"]
likelihood_points = 10
[parts.few]
n_train = [20]
[parts.all]
[sizes.smoke]
budget = 500
"""


def test_parts_lie_side_by_side_and_are_read_together(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    bench("run", "two.toml", "--budget", "600", "--backend", "sequential")
    home = tmp_path / "runs" / "two-smoke"
    run = library.load(home)
    assert run.trials["n_train"].tolist()[0] == 20  # the order of the file, not of the alphabet
    assert len(run.trials) == 2
    assert (run.trials["samples"] >= 600).all()
    hmc = ("--likelihood", "hmc[num_samples=10,num_warmup=10]")
    bench("estimate", home, "--trust", *hmc, "--backend", "sequential")
    assert set(library.load(home).likelihoods["estimator"]) == {
        "importance[num_samples=20,proposal=encoder]",
        "hmc[num_samples=10,num_warmup=10]",
    }
    api.report(run, ["log_likelihood"])
    assert (home / "report" / "tables" / "log_likelihood.csv").is_file()
    assert bench("export", home).stdout.count("\n") == 3
    bench("compare", home, home)
    (tmp_path / "three.toml").write_text(TWO.replace("parts.all", "parts.some"))
    assert "holds another study" in bench("run", "three.toml", "--out", home, code=2).stderr
    assert "holds no study" in bench("run", "--dataset", BLOBS, "--out", home, code=2).stderr
    (home / "parts.toml").write_text('format = 99\nparts = ["few"]\n')
    assert "format 99" in bench("report", home, code=2).stderr


def test_a_size_belongs_to_a_named_study(bench: Bench) -> None:
    assert "needs the name of a study" in bench("run", "--size", "full", code=2).stderr
    assert "must be smoke or laptop or full" in bench("run", "aevb-fig2", "--size", "huge", code=2).stderr
    assert "Did you mean 'aevb-fig2'" in bench("run", "aevb-fig22", code=2).stderr


LOCAL = "importance[num_samples=20,proposal=variational]"
MARKED = (
    *("--dataset", BLOBS, "--algos", "aevb[learning_rate=0.1],mcem[learning_rate=0.1]", "--z", "2", "--seeds", "1"),
    *("--likelihood", f"{LOCAL},hmc[num_samples=10,num_warmup=10]", "--likelihood-points", "10"),
    *("--likelihood-marks", "500,900,2e3", "--backend", "sequential"),
)


def marks(path: Path) -> pd.DataFrame:
    return library.load(path).likelihood_trace.drop(columns=["train_seconds", "seconds"])


def test_log_likelihoods_on_the_way_are_those_of_one_long_run(bench: Bench, tmp_path: Path) -> None:
    bench("run", *MARKED, "--budget", "1000", "--out", "run")
    short = marks(tmp_path / "run")
    for name in ("run", "long"):
        api.run(tmp_path / "run" / "study.toml", budget=3000, out=tmp_path / name, execution=HERE, quiet=True)
    found = marks(tmp_path / "run")
    pd.testing.assert_frame_equal(found, marks(tmp_path / "long"), check_exact=True)
    assert set(short["samples"]) < set(found["samples"])
    for _, rows in found.groupby(["algorithm", "estimator", "split"]):
        assert len(rows) == 3  # each at the first evaluation mark that reaches it
        assert (np.array([500, 900, 2000]) <= rows["samples"]).all()
        assert (rows["num_points"] == 10).all()
        assert (rows["log_likelihood_se"] > 0).all()
    columns = library.load(tmp_path / "run").trace.dropna(subset="log_likelihood_test")
    first = found[found["estimator"] == LOCAL]
    assert columns["log_likelihood_test"].tolist() == first.loc[first["split"] == "test", "log_likelihood"].tolist()
    assert columns["log_likelihood_train"].tolist() == first.loc[first["split"] == "train", "log_likelihood"].tolist()
    api.report(library.load(tmp_path / "run"), ["convergence_likelihood"], ["png"])
    assert (tmp_path / "run" / "report" / "figures" / "convergence_likelihood.png").stat().st_size > 1e4
