"""`bench run`: what it writes, what it skips, and that a failing trial does not affect the others."""

from __future__ import annotations

import dataclasses
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import bench as library
from bench.store.records import Status
from bench.store.trial_folder import TrialFolder

PLUGINS = Path(__file__).parent.parent / "plugins"
BLOBS, MINE, TROUBLE, BOUND = (str(PLUGINS / f"{name}.py") for name in ("blobs", "mine", "trouble", "bound"))
QUICK = (
    "--dataset",
    BLOBS,
    "--z",
    "2",
    "--budget",
    "2000",
    "--likelihood",
    "importance[num_samples=20]",
    "--seeds",
    "2",
    "--tune",
    "paper[samples=500]",
)
HERE = (*QUICK, "--backend", "sequential")  # in the process of the tests
ALGOS = ("aevb", "wakesleep", "mcem", f"{MINE}[rate=0.02]")

Bench = Callable[..., subprocess.CompletedProcess[str]]


def trace(path: Path) -> pd.DataFrame:
    """The trace without the columns that depend on wall-clock time."""
    frame = library.load(path).trace.drop(columns=["train_seconds", "eval_seconds"])
    return frame.sort_values(["trial", "samples"]).reset_index(drop=True)


def estimates(path: Path) -> pd.Series:
    """The estimate of log p(x) for each trial."""
    return library.load(path).likelihoods.set_index("trial")["log_likelihood"].sort_index()


def weights(path: Path) -> dict[str, torch.Tensor]:
    """The final weights of each trial."""
    return {
        f"{folder.name}/{name}": value
        for folder in sorted((path / "trials").iterdir())
        for name, value in TrialFolder(folder).read_model().items()
    }


def heed_interrupts() -> None:
    """In a new process: handle SIGINT as at a terminal; these tests may run in the background, where it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def same(one: dict[str, torch.Tensor], two: dict[str, torch.Tensor]) -> bool:
    """Whether all weights are equal, bit for bit."""
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.fixture(scope="module")
def by_two_workers(tmp_path_factory: pytest.TempPathFactory, launch: Bench) -> tuple[Path, str]:
    """A run by two worker processes, started as users do, and its output; shared by the tests."""
    folder = tmp_path_factory.mktemp("workers")
    finished = launch(folder, "run", *QUICK, "--algos", ",".join(ALGOS), "--jobs", "2", "--out", "run")
    return folder / "run", finished.stdout + finished.stderr


def test_leaves_tables_figures_and_every_trial(by_two_workers: tuple[Path, str]) -> None:
    path, shown = by_two_workers
    run = library.load(path)
    assert list(run.trials["algorithm"].unique()) == ["aevb", "wakesleep", "mcem", "mine[rate=0.02]"]
    assert (run.trials["status"] == "done").all()
    assert (run.trials["samples"] >= 2000).all()
    assert run.trials["log_likelihood_test"].notna().all()
    assert (run.trials["log_likelihood_test_se"] > 0).all()
    assert (run.trials["threads"] == 1).all()
    assert run.trials.loc[run.trials["algorithm"] == "mcem", "elbo_test"].isna().all()
    assert run.trials.loc[run.trials["algorithm"] != "mcem", "elbo_test"].notna().all()
    assert (
        run.trials["learning_rate"].isin([0.01, 0.02, 0.1]).sum() == 6
    )  # all but the user's algorithm, which has none
    for name in ("figures/convergence_samples.png", "tables/log_likelihood.csv", "tables/log_likelihood.md"):
        assert (path / "report" / name).stat().st_size > 0
    for words in ("aevb", "mine[rate=0.02]", "convergence_samples.png", "[8/8]"):
        assert words in shown


def test_rows_stand_in_the_order_that_was_asked_for(bench: Bench, tmp_path: Path) -> None:
    """Also variants of one algorithm, regardless of how their options are written; the folder is ordered by hash."""
    asked = [f"aevb[learning_rate={rate}]" for rate in ("0.05", "1e-1", "0.01", "0.02")] + [
        f"{MINE}[rate=0.02]",
        "mcem",
    ]
    asked = [*asked[:2], "wakesleep[learning_rate=0.02]", *asked[2:]]
    bench("run", *HERE, "--budget", "200", "--seeds", "1", "--algos", ",".join(asked), "--out", "run")
    expected = [text.replace("1e-1", "0.1").replace(MINE, "mine") for text in asked]
    assert library.load(tmp_path / "run").trials["algorithm"].tolist() == expected


def test_learning_is_seen_and_the_clocks_go_forward(bench: Bench, tmp_path: Path) -> None:
    bench("run", *HERE, "--algos", "aevb,wakesleep", "--budget", "2e4", "--out", "run")
    for _, one in library.load(tmp_path / "run").trace.groupby("trial"):
        assert one["elbo_test"].iloc[-1] > one["elbo_test"].iloc[0] + 0.5
        for clock in ("samples", "updates", "model_evaluations", "train_seconds", "eval_seconds"):
            assert one[clock].is_monotonic_increasing
        assert one["samples"].iloc[0] == 0


def test_workers_backends_and_order_do_not_change_a_result(
    bench: Bench, tmp_path: Path, by_two_workers: tuple[Path, str]
) -> None:
    two, algos = by_two_workers[0], ("--algos", ",".join(ALGOS))
    bench("run", *QUICK, *algos, "--jobs", "1", "--out", "one")
    bench("run", *QUICK, *algos, "--backend", "sequential", "--out", "three")
    bench("run", *QUICK, "--algos", ",".join(reversed(ALGOS)), "--backend", "threading", "--jobs", "2", "--out", "four")
    for other in ("one", "three", "four"):
        pd.testing.assert_frame_equal(trace(two), trace(tmp_path / other), check_exact=True)
        assert same(weights(two), weights(tmp_path / other))
        pd.testing.assert_series_equal(estimates(two), estimates(tmp_path / other), check_exact=True)


def test_workers_are_where_the_caller_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process, as in a notebook, where joblib keeps the workers of the previous call."""
    asked: dict[str, Any] = {"algos": "aevb[learning_rate=0.02]", "z": 2, "seeds": 1, "budget": 200}
    asked |= {"dataset": "file[path=x.npy]", "likelihood": "importance[num_samples=5]", "likelihood_points": 5}
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        np.save("x.npy", np.random.default_rng(0).random((60, 12), dtype=np.float32))
        found = library.run(out="run", quiet=True, **asked)
        assert found.trials["status"].tolist() == ["done"]
        assert (tmp_path / name / "run" / "study.toml").is_file()


def test_a_second_time_there_is_nothing_to_do(bench: Bench, tmp_path: Path) -> None:
    bench("run", *HERE, "--algos", "aevb", "--out", "run")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "trials").rglob("*")}
    finished = bench("run", *HERE, "--algos", "aevb", "--out", "run")
    assert "Nothing to do" in finished.stderr
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "trials").rglob("*")} == before


def test_a_figure_that_shows_it_all_is_not_drawn_again(bench: Bench, tmp_path: Path) -> None:
    asked = (*HERE, "--algos", "aevb[learning_rate=0.02]", "--out", "run", "--seeds")
    figure = tmp_path / "run" / "report" / "figures" / "convergence_samples.png"
    bench("run", *asked, 1)
    drawn = figure.stat().st_mtime_ns
    assert str(Path(*figure.parts[-4:])) in bench("run", *asked, 1).stdout
    assert figure.stat().st_mtime_ns == drawn
    bench("run", *asked, 2)
    assert figure.stat().st_mtime_ns > drawn
    drawn = figure.stat().st_mtime_ns
    next((tmp_path / "run" / "trials").glob("*/model.safetensors")).unlink()
    bench("run", *asked, 2)
    assert figure.stat().st_mtime_ns > drawn


def test_a_larger_budget_extends_and_ends_where_one_long_run_does(bench: Bench, tmp_path: Path) -> None:
    """With dropout, which draws at every update, and with Adam's state: bit for bit."""
    algos = ("--model", "deep", "--hidden", "8", "--algos", f"aevb[optimiser=adam],wakesleep,mcem,{MINE}")
    algos += ("--seeds", "1", "--likelihood-points", "10")
    bench("run", *HERE, *algos, "--budget", "1100", "--out", "run")  # between two marks
    bench("run", *HERE, *algos, "--budget", "3000", "--out", "run")
    bench("run", *HERE, *algos, "--budget", "3000", "--out", "whole")
    longer, whole = (library.load(tmp_path / name) for name in ("run", "whole"))
    for what in ("trials", "trace", "diagnostics", "likelihoods", "diagnosis", "latents"):
        frames = [getattr(results, what) for results in (longer, whole)]
        timed = [name for name in frames[0] if "second" in name or name == "cpu_share"]
        assert len(frames[0]) > 0
        pd.testing.assert_frame_equal(*(frame.drop(columns=timed) for frame in frames), check_exact=True)
    run_weights, whole_weights = weights(tmp_path / "run"), weights(tmp_path / "whole")
    assert same(run_weights, whole_weights)
    first_layers = [value for name, value in whole_weights.items() if name.endswith("decoder.network.0.weight")]
    assert [layer.shape for layer in first_layers] == 4 * [(8, 2)]  # --hidden is the width of this model too


def test_what_algorithms_tell_of_their_updates_is_exported(bench: Bench, tmp_path: Path) -> None:
    bench("run", *HERE, "--algos", "aevb,mcem[learning_rate=0.05],fullvb[learning_rate=0.05]", "--out", "run")
    told = pd.read_csv(io.StringIO(bench("export", "run", "--what", "diagnostics").stdout))
    acceptance = told[told["name"] == "acceptance"]
    assert set(acceptance["algorithm"]) == {"mcem[learning_rate=0.05]"}
    assert acceptance["value"].between(0, 1).all()
    trials = library.load(tmp_path / "run")
    assert acceptance.groupby("seed")["samples"].last().tolist() == [2000, 2000]
    assert set(told[told["name"] == "parameter_kl"]["algorithm"]) == {"fullvb[learning_rate=0.05]"}
    assert not told["algorithm"].eq("aevb").any()
    assert "diagnostics" not in trials.trace


def test_more_seeds_and_estimators_are_added(bench: Bench, tmp_path: Path) -> None:
    bench("run", *HERE, "--algos", "aevb", "--out", "run")
    before = trace(tmp_path / "run")
    bench(
        "run",
        *HERE,
        "--algos",
        "aevb",
        "--seeds",
        "3",
        "--likelihood",
        "hmc,importance[num_samples=20]",
        "--out",
        "run",
    )
    run = library.load(tmp_path / "run")
    assert sorted(run.trials["seed"]) == [0, 1, 2]
    assert list(run.likelihoods["estimator"]) == ["hmc", "importance[num_samples=20]"] * 3
    assert (run.trials["estimator"] == "hmc").all()
    kept = trace(tmp_path / "run").merge(before[["trial", "samples"]], on=["trial", "samples"])
    pd.testing.assert_frame_equal(kept, before, check_exact=True)


@pytest.mark.parametrize(
    ("how", "status", "reason"),
    [
        ("raise", "failed", "RuntimeError: boom <b>&% 100 $"),
        ("nan", "diverged", "nan"),
        ("explode", "diverged", "blown up"),
        ("kill", "crashed", "worker process died"),
    ],
)
def test_trouble_is_a_row_with_its_reason_and_the_others_go_on(
    bench: Bench, process: Bench, tmp_path: Path, how: str, status: str, reason: str
) -> None:
    algos = f"aevb,{TROUBLE}[how={how}],wakesleep[learning_rate=0.02]"
    asked = ("run", *QUICK, "--seeds", "1", "--algos", algos, "--jobs", "2", "--out", "run")
    finished = process(*asked, code=3) if how == "kill" else bench(*asked, "--backend", "sequential", code=3)
    trials = library.load(tmp_path / "run").trials
    before, troubled, after = (row for _, row in trials.iterrows())
    assert (before["algorithm"], before["status"]) == ("aevb", "done")
    assert (after["algorithm"], after["status"]) == ("wakesleep[learning_rate=0.02]", "done")
    assert troubled["status"] == status
    assert reason in troubled["reason"]
    assert f"{status}: trouble" in finished.stdout
    table = (tmp_path / "run" / "report" / "tables" / "log_likelihood.md").read_text()
    assert "aevb" in table
    assert "trouble" in table


def test_a_trial_that_takes_too_long_is_stopped_and_goes_on_later(bench: Bench, tmp_path: Path) -> None:
    asked = ("run", *HERE, "--seeds", "1", "--algos", f"{TROUBLE}[how=slow]", "--budget", "1e4", "--out", "run")
    started = time.monotonic()
    bench(*asked, "--timeout", "1s", code=3)
    assert time.monotonic() - started < 60  # 100 updates of at least 30 ms do not fit into 1 s
    trial = library.load(tmp_path / "run").trials.iloc[0]
    assert trial["status"] == "timeout"
    assert 0 < trial["samples"] < 1e4
    bench(*asked)
    assert library.load(tmp_path / "run").trials.iloc[0]["status"] == "done"


def test_a_failed_trial_is_tried_again(bench: Bench, tmp_path: Path) -> None:
    asked = ("run", *HERE, "--algos", f"{TROUBLE}[how=once,flag={tmp_path}/flag]", "--seeds", "1", "--out", "run")
    bench(*asked, code=3)
    assert library.load(tmp_path / "run").trials.iloc[0]["status"] == "failed"
    bench(*asked)
    assert library.load(tmp_path / "run").trials.iloc[0]["status"] == "done"
    assert library.load(tmp_path / "run").trials.iloc[0]["reason"] == ""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT to one process")
def test_ctrl_c_keeps_what_is_done_and_the_same_command_does_the_rest(bench: Bench, tmp_path: Path) -> None:
    asked = ["run", *QUICK, "--algos", f"aevb,{TROUBLE}[how=slow]", "--budget", "2e4", "--seeds", "1", "--out", "run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bench", *asked],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509  # no other thread holds a lock that the new process would want
    )
    until(lambda: statuses(tmp_path / "run").get("aevb") == "done")
    os.killpg(process.pid, signal.SIGINT)  # what a terminal does: parent and workers all get it
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert "same command" in errors
    interrupted = library.load(tmp_path / "run").trials.set_index("algorithm")
    assert interrupted.loc["aevb", "status"] == "done"
    assert interrupted.drop(index="aevb")["status"].tolist() == ["interrupted"]
    assert interrupted.drop(index="aevb")["reason"].str.contains("same command").all()
    finished = bench(*asked, "--backend", "sequential")
    assert "1 finished trial kept, 1 to do" in finished.stderr
    assert (library.load(tmp_path / "run").trials["status"] == "done").all()


def test_a_killed_run_goes_on_from_its_checkpoint_bit_for_bit(bench: Bench, tmp_path: Path) -> None:
    """A checkpoint in the middle of training, and a trace that is longer than it, as left by a kill."""
    from bench.studies.study import Study

    bench("run", *HERE, "--algos", "aevb,mcem", "--out", "whole")
    asked = {"dataset": BLOBS, "z": (2,), "seeds": (0, 1), "algos": ("aevb", "mcem"), "tune": QUICK[-1]}
    study = Study(**asked, budget=2000)
    bench("run", *HERE, "--algos", "aevb,mcem", "--budget", "700", "--out", "run")
    for spec in study.expand(study.load_data()):
        folder = TrialFolder(tmp_path / "run" / "trials" / spec.id)
        folder.write_status(dataclasses.replace(folder.read_status(), status=Status.RUNNING))
        rows = folder.read_trace()
        folder.write_trace([*rows, dataclasses.replace(rows[-1], samples=1_000_000, elbo_train=7.0)])
    bench("run", *HERE, "--algos", "aevb,mcem", "--out", "run")
    assert same(weights(tmp_path / "run"), weights(tmp_path / "whole"))
    assert trace(tmp_path / "run")["samples"].max() < 1_000_000


def test_changed_code_is_told_and_run_again_when_asked(bench: Bench, tmp_path: Path) -> None:
    copy = tmp_path / "mine.py"
    copy.write_text(Path(MINE).read_text())
    asked = ("run", *HERE, "--algos", "./mine.py", "--out", "run")
    bench(*asked)
    copy.write_text(Path(MINE).read_text().replace("log_w, 0)", "log_w * 0.9, 0)"))
    before = weights(tmp_path / "run")
    assert "2 trials are stale" in bench(*asked).stderr
    assert same(before, weights(tmp_path / "run"))
    bench(*asked, "--on-stale", "rerun")
    assert not same(before, weights(tmp_path / "run"))
    assert "are stale" not in bench(*asked).stderr


def test_a_study_file_asks_the_same(bench: Bench, tmp_path: Path) -> None:
    bench("run", *HERE, "--algos", "aevb", "--out", "one")
    bench("run", "one/study.toml", "--backend", "sequential", "--out", "two")
    pd.testing.assert_frame_equal(trace(tmp_path / "one"), trace(tmp_path / "two"), check_exact=True)
    bench("run", "one/study.toml", "--seeds", "1,", "--backend", "sequential", "--out", "three")
    assert library.load(tmp_path / "three").trials["seed"].tolist() == [1]


def test_a_copied_run_is_reported_elsewhere(bench: Bench, tmp_path: Path) -> None:
    bench("run", *HERE, "--algos", "aevb", "--out", "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    bench("report", "moved", "--only", "log_likelihood", "--format", "csv", "--out", "there")
    assert [path.name for path in (tmp_path / "there").rglob("*.*")] == ["log_likelihood.csv"]


def statuses(path: Path) -> dict[str, Any]:
    """The status of each algorithm's trial that has one."""
    try:
        return dict(library.load(path).trials.set_index("algorithm")["status"])
    except Exception:  # noqa: BLE001  # the folder is being made
        return {}


def until(holds: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.1)


def test_changed_data_are_told(bench: Bench, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((60, 12), dtype=np.float32))
    asked = ("run", "--dataset", "file[path=x.npy]", "--algos", "aevb", *HERE[2:], "--hidden", "8", "--out", "run")
    bench(*asked)
    assert "are stale" not in bench(*asked).stderr
    np.save(tmp_path / "x.npy", np.random.default_rng(1).random((60, 12), dtype=np.float32))
    assert "2 trials are stale" in bench(*asked).stderr


def test_a_folder_keeps_the_largest_budget_and_every_seed(bench: Bench, tmp_path: Path) -> None:
    bench("run", *HERE, "--algos", "aevb", "--budget", "3000", "--seeds", "1", "--out", "run")
    bench("run", *HERE, "--algos", "aevb", "--budget", "1000", "--seeds", "1,", "--out", "run")
    assert library.load(tmp_path / "run").trials["samples"].tolist() == [3000, 3000]


def test_a_run_is_reported_where_the_users_file_is_not(bench: Bench, tmp_path: Path) -> None:
    copy = tmp_path / "mine.py"
    copy.write_text(Path(MINE).read_text())
    bench("run", *HERE, "--algos", "./mine.py[rate=0.02]", "--out", "run")
    copy.unlink()
    assert "mine[rate=0.02]" in bench("report", "run", "--only", "log_likelihood").stdout


def test_an_estimator_that_fails_does_not_cost_the_training(bench: Bench, tmp_path: Path) -> None:
    estimators = f"{BOUND},importance[num_samples=20]"
    finished = bench("run", *HERE, "--algos", "mcem", "--likelihood", estimators, "--out", "run")
    likelihoods = library.load(tmp_path / "run").likelihoods
    assert likelihoods["log_likelihood"].isna().tolist() == [True, False, True, False]
    assert "This model has no encoder, so no q(z|x) and no lower bound" in finished.stdout


def test_each_algorithm_is_judged_by_what_can_judge_it(bench: Bench, tmp_path: Path) -> None:
    asked = [*HERE, "--algos", "aevb,vqvae[num_codes=4]", "--seeds", "1", "--out", "run"]
    asked[asked.index("--likelihood") + 1] = "ais[num_steps=5,num_chains=2],importance[num_samples=20]"
    finished = bench("run", *asked)
    assert (
        "is not used for vqvae[num_codes=4]: ais requires continuous z, but z of this model is one of 4"
        in finished.stderr
    )
    found = library.load(tmp_path / "run").likelihoods.set_index(["algorithm", "estimator"])
    assert len(found) == 3
    exact = found.loc[("vqvae[num_codes=4]", "importance[num_samples=20]")]
    assert (exact["bias"], exact["log_likelihood_se"]) == ("consistent", 0)
    assert "Nothing to do" in bench("run", *asked).stderr


def test_networks_may_begin_with_biases_of_zero(bench: Bench, tmp_path: Path) -> None:
    """It is an option of the networks, and spelling out the default is the same trial as before."""
    asked = (*HERE, "--algos", "aevb[learning_rate=0.1]", "--seeds", "1")
    for name, model in {"zero": "mlp[biases=zero]", "drawn": "mlp", "spelt": "mlp[biases=drawn]"}.items():
        bench("run", *asked, "--model", model, "--out", name)
    zero, drawn, spelt = (library.load(tmp_path / name).trials.iloc[0] for name in ("zero", "drawn", "spelt"))
    assert "biases=zero" in zero.model
    assert "biases" not in drawn.model
    assert spelt.trial == drawn.trial
    assert zero.elbo_test != drawn.elbo_test
    refused = bench("run", *asked, "--model", "mlp[biases=none]", "--out", "none", code=2)
    assert "`biases` of mlp must be 'drawn' or 'zero' (got 'none')" in refused.stderr


@pytest.mark.parametrize(
    ("tune", "score"), [("paper[samples=200]", "objective"), ("halving[samples=600,points=20]", "log p(x)")]
)
def test_a_choice_is_announced_with_what_it_was_made_by(bench: Bench, tune: str, score: str) -> None:
    shown = bench("run", *HERE, "--algos", "aevb", "--budget", "100", "--tune", tune).stderr
    (line,) = (line for line in shown.splitlines() if line.startswith("aevb z=2"))
    assert re.search(rf"by {re.escape(tune)} \({re.escape(score)} -[\d.]+ nats; learning_rate=[\d.]+ -", line), line
