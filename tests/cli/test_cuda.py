"""On a CUDA device, if there is one, beside the CPU; how devices are held is tested anywhere, in `test_devices.py`."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import bench as library
from bench.models.by_hand import recordings
from bench.results.frames import Results
from bench.store.run_folder import Store

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")

PLUGINS = Path(__file__).parent.parent / "plugins"
ALL = (
    "aevb,wakesleep,mcem[batch_size=100],fullvb,vqvae,aae,iwae[gradient=dreg],rws[phi=both],vralpha,vimco,"
    "betavae,flowvae,svi,semiamortized,hmcvae"
)
STEPS = "aevb[learning_rate=0.1],wakesleep[learning_rate=0.02]"
SMALL = ["--z", "2", "--budget", "3000", "--likelihood", "importance[num_samples=50]", "--likelihood-points", "100"]
HERE = ["--backend", "sequential"]

Bench = Callable[..., subprocess.CompletedProcess[str]]


def weights(run: Path) -> dict[str, dict[str, torch.Tensor]]:
    return {trial.folder.path.name: trial.folder.read_model() for trial in Store(run).read().trials}


def same_numbers(one: Results, other: Results) -> bool:
    """All that training and evaluation have given, to the last bit, apart from seconds."""
    columns = ["trial", "samples", "objective", "elbo_train", "elbo_test", "log_likelihood_test"]
    traces = [each.trace[columns].sort_values(["trial", "samples"]).to_numpy() for each in (one, other)]
    finals = [each.trials.set_index("trial")["log_likelihood_test"].sort_index() for each in (one, other)]
    return len(traces[0]) > 4 and (traces[0] == traces[1])[traces[0] == traces[0]].all() and finals[0].equals(finals[1])


def test_every_algorithm_learns_there_as_on_the_cpu(bench: Bench, tmp_path: Path) -> None:
    """The random numbers differ between devices, and with them the log-likelihood, as between seeds."""
    asked = ["run", "--algos", ALL, "--seeds", "3", *SMALL, "--budget", "20000", "--tune", "paper[samples=1000]", *HERE]
    first = "aevb,flowvae"  # by hand and by autograd, which has a thread of its own
    bench("run", "--algos", first, "--seeds", "1", *SMALL, *HERE, "--device", "cuda", "--out", "first")
    held, reserved = torch.cuda.memory_allocated(), torch.cuda.memory_reserved()  # what cuBLAS needs
    bench(*asked, "--device", "cuda", "--out", "cuda")
    assert torch.cuda.memory_allocated() <= held + 2**20  # what the trials had is given back
    assert torch.cuda.memory_reserved() <= reserved + 2**22
    bench(*asked, "--device", "cpu", "--out", "cpu")
    there, here = (library.load(tmp_path / name).trials for name in ("cuda", "cpu"))
    assert set(there["device"]) == {"cuda:0"}
    assert set(there["status"]) == set(here["status"]) == {"done"}
    assert there["train_seconds"].gt(0).all()
    one, other = (each.groupby("algorithm")["log_likelihood_test"].agg(["mean", "var"]) for each in (there, here))
    error = np.sqrt((one["var"] + other["var"]) / 3)
    assert ((one["mean"] - other["mean"]).abs() < 0.3 + 5 * error).all(), (one, other)


def test_the_bits_are_the_same_in_workers_and_if_continued(bench: Bench, launch: Bench, tmp_path: Path) -> None:
    """Trained at once, in two workers that share the device, and in two parts, the second in another process."""
    asked = ["run", "--algos", STEPS, "--seeds", "2", *SMALL, "--device", "cuda:0"]
    bench(*asked, *HERE, "--out", "once")
    shown = launch(tmp_path, *asked, "--jobs", 2, "--jobs-per-device", 2, "--out", "shared").stderr
    assert "2 at once" in shown
    bench(*asked, *HERE, "--budget", 1000, "--out", "parts")
    launch(tmp_path, *asked, "--out", "parts")
    once = library.load(tmp_path / "once")
    for name in ("shared", "parts"):
        assert same_numbers(once, library.load(tmp_path / name)), name
        for trial, tensors in weights(tmp_path / name).items():
            for key, tensor in weights(tmp_path / "once")[trial].items():
                assert torch.equal(tensor, tensors[key]), (name, trial, key)


def test_passes_that_are_recorded_change_no_bit(bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither weights nor traces nor estimates, if CUDA graphs are played again instead."""
    algorithms = "aevb[learning_rate=0.1,num_samples=3],wakesleep[learning_rate=0.02],mcem[batch_size=100]"
    command = ["run", "--algos", algorithms, "--tune", "paper[samples=1000]", "--seeds", 2, *SMALL, *HERE]
    played: list[object] = []
    replay = recordings._Recording.replay
    monkeypatch.setattr(recordings._Recording, "replay", lambda *each: (played.append(each), replay(*each))[1])
    for name, calls in (("recorded", 20), ("launched", 10**9)):
        monkeypatch.setattr(recordings, "CALLS_BEFORE", calls)
        played.clear()
        bench(*command, "--device", "cuda", "--out", name)
        assert (len(played) > 100) == (name == "recorded")
    assert same_numbers(*(library.load(tmp_path / name) for name in ("recorded", "launched")))
    there = weights(tmp_path / "launched")
    for trial, tensors in weights(tmp_path / "recorded").items():
        assert all(torch.equal(tensor, there[trial][key]) for key, tensor in tensors.items()), trial


def test_a_step_is_profiled_there(bench: Bench) -> None:
    """The stopwatches wait for the device, which must not be done while a graph is recorded."""
    small = ["--after", 300, "--z", 2, "--model", "mlp[hidden=8]", "--repeats", 32, "--format", "json"]
    both = "aevb[learning_rate=0.02],wakesleep[learning_rate=0.02]"
    profile = json.loads(
        bench("profile", both, "--device", "cuda", "--beside", "iwae[learning_rate=0.02]", *small).stdout
    )
    backward = [row["milliseconds"] for row in profile["times"] if row["part"] == "backward"]
    assert len(backward) == 3
    assert min(backward) > 0


@pytest.mark.parametrize(
    ("data", "estimators"),
    [
        (["--dataset", "ppca", "--model", "linear"], "exact,quadrature,importance,ais,bdmc,hmc"),
        (["--algos", "vqvae[learning_rate=0.02],vimco[learning_rate=0.02]"], "exact,importance"),
    ],
    ids=["linear-Gaussian", "discrete"],
)
def test_every_estimator_gives_there_what_it_gives_on_the_cpu(
    data: list[str], estimators: str, bench: Bench, tmp_path: Path
) -> None:
    """Of the same weights: up to rounding if nothing is drawn, else within 5 standard errors of the difference."""
    usual = ["--algos", "aevb[learning_rate=0.1]"] if "--algos" not in data else []
    bench("run", *data, *usual, "--seeds", 1, *SMALL, "--device", "cpu", *HERE, "--out", "cpu")
    shutil.copytree(tmp_path / "cpu", tmp_path / "cuda")
    for device in ("cpu", "cuda"):
        bench("estimate", device, "--likelihood", estimators, "--points", 100, "--device", device, *HERE)
    there, here = (
        each.likelihoods.drop_duplicates(["estimator", "split"], keep="last").set_index(["estimator", "split"])
        for each in (library.load(tmp_path / name) for name in ("cuda", "cpu"))
    )
    assert len(there) >= len(estimators.split(","))
    for key, row in there.query("split == 'test'").iterrows():  # simulated data are drawn on the device
        other = here.loc[key]
        error = float(np.hypot(row["log_likelihood_se"], other["log_likelihood_se"]))
        drawn = 0.0 if str(key[0]) in {"exact", "quadrature"} else 5 * error
        assert abs(row["log_likelihood"] - other["log_likelihood"]) <= 1e-3 + drawn, (key, row, other)


@pytest.mark.data
@pytest.mark.parametrize("dataset", ["mnist[binarize=dynamic]", "freyface"])
def test_real_images_train_there(dataset: str, bench: Bench, tmp_path: Path) -> None:
    """Pixels drawn anew for every minibatch, and a Gaussian observation model."""
    asked = ["run", "--dataset", dataset, "--algos", "aevb[learning_rate=0.02]", "--n-train", 1000, *SMALL, *HERE]
    for device in ("cuda", "cpu"):
        bench(*asked, "--seeds", 2, "--device", device, "--out", device)
    there, here = (library.load(tmp_path / name).trials["log_likelihood_test"] for name in ("cuda", "cpu"))
    assert there.mean() == pytest.approx(here.mean(), rel=0.05)


def test_too_little_memory_is_a_row_that_says_what_to_change(bench: Bench, tmp_path: Path) -> None:
    """The next trial in the same process has the device; so has the next estimate."""
    busy = PLUGINS / "busy.py"
    wrong, right = f"{busy}[learning_rate=0.1,memory=1000000000000000]", f"{busy}[learning_rate=0.1]"
    bench("run", "--algos", f"{wrong},{right}", "--seeds", 1, *SMALL, "--device", "cuda", *HERE, "--out", "run", code=3)
    trials = library.load(tmp_path / "run").trials.set_index("status")
    assert set(trials.index) == {"failed", "done"}
    assert "Out of memory on cuda:0: choose a smaller batch_size, --hidden," in trials.loc["failed", "reason"]
    assert np.isfinite(trials.loc["done", "log_likelihood_test"])
