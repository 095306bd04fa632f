"""Trials hold devices: on an accelerator that there is not (`tests/pretend`)."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import torch

import bench as library
from bench.execution.execution import Execution
from bench.execution.lines import place
from bench.store.records import TrialRecord
from bench.store.run_folder import Store

TESTS = Path(__file__).parent.parent
PLUGINS = TESTS / "plugins"
QUICK = ["--z", "2", "--dataset", PLUGINS / "blobs.py", "--hidden", "8", "--likelihood", "importance[num_samples=10]"]
QUICK += ["--likelihood-points", "2", "--eval-points", "10", "--budget", "300"]
AEVB = "aevb[learning_rate=0.1]"
BUSY = PLUGINS / "busy.py"
LITTLE = 5000  # bytes: PyTorch's constants

Bench = Callable[..., subprocess.CompletedProcess[str]]


class Pretended:
    """A machine with pretend devices, and what has happened on them."""

    def __init__(self, folder: Path, launch: Bench) -> None:
        """Nobody else has this machine."""
        self.folder, self.launch = folder, launch
        self.log = folder / "log"
        path = os.pathsep.join([str(TESTS / "pretend"), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.variables = {"PYTHONPATH": path, "PRETEND_MACHINE": uuid4().hex, "PRETEND_LOG": str(self.log)}

    def run(self, *arguments: object, code: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
        """`bench run` on it."""
        return self.launch(self.folder, "run", *arguments, code=code, **{**self.variables, **variables})

    def start(self, *arguments: object, **variables: str) -> subprocess.Popen[str]:
        """The same, not waited for."""
        return subprocess.Popen(
            [sys.executable, "-m", "bench", "run", *map(str, arguments)],
            cwd=self.folder, env={**os.environ, "COLUMNS": "200", **self.variables, **variables},
            stderr=subprocess.STDOUT, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def events(self, kind: str) -> Iterator[tuple[str, float]]:
        """Devices and amounts."""
        for line in self.log.read_text().splitlines():
            _, device, event, amount = line.split()
            if event == kind:
                yield device, float(amount)

    def trials(self, run: str = "run") -> Any:
        """The table."""
        return library.load(self.folder / run).trials


@pytest.fixture
def pretended(tmp_path: Path, launch: Bench) -> Pretended:
    return Pretended(tmp_path, launch)


def test_each_trial_holds_a_device_and_gives_its_memory_back(pretended: Pretended, bench: Bench) -> None:
    """By default one worker for each device; the numbers are those of the CPU, in another order of sums.

    The clock of training waits for the device, which each update keeps busy for half a second after it has returned.
    """
    asked = ["--algos", f"{BUSY}[learning_rate=0.1,seconds=0.5]", "--seeds", "2", *QUICK]
    shown = pretended.run(*asked, "--device", "pretend", "--out", "run", PRETEND_DEVICES="2").stderr
    assert "2 at once" in shown
    trials = pretended.trials()
    assert set(trials["device"]) == {"pretend:0", "pretend:1"}
    for row in trials.itertuples():
        assert f"{row.algorithm} z=2 n=200 seed={row.seed} on {row.device}: " in shown
        assert row.updates == 3
        assert row.train_seconds >= 1.5
    assert sum(amount for _, amount in pretended.events("synchronize")) == pytest.approx(3.0)
    held = [amount for _, amount in pretended.events("empty_cache")]
    assert len(held) >= len(trials)
    assert max(held) < LITTLE
    bench("run", *asked, "--device", "cpu", "--backend", "sequential", "--out", "cpu")
    here = pretended.trials("cpu")
    assert trials["log_likelihood_test"].tolist() == pytest.approx(here["log_likelihood_test"].tolist(), abs=1e-3)
    assert set(here["device"]) == {"cpu"}


def test_a_trial_without_enough_memory_says_what_to_change(pretended: Pretended) -> None:
    """It is a row, what it had is given back, and the next trial has the device; likewise for an estimate."""
    wrong, right = f"{BUSY}[learning_rate=0.1,memory=10000000]", f"{BUSY}[learning_rate=0.1]"
    where = ["--device", "pretend", "--backend", "sequential"]
    limit = {"PRETEND_BYTES": "1000000"}
    shown = pretended.run("--algos", f"{wrong},{right}", "--seeds", "1", *QUICK, *where, "--jobs-per-device", 2,
                          "--out", "run", code=3, **limit).stderr  # fmt: skip
    trials = pretended.trials().set_index("status")
    assert set(trials.index) == {"failed", "done"}
    reason = trials.loc["failed", "reason"]
    assert reason.startswith("Out of memory on pretend:0: choose a smaller batch_size, --hidden,")
    assert "num_samples" in reason
    assert "--jobs-per-device 1" in reason
    assert "another --device" in reason
    assert reason in shown.replace("\n", " ")
    assert max(amount for _, amount in pretended.events("empty_cache")) < LITTLE
    shown = pretended.launch(
        pretended.folder, "estimate", "run", "--trust", "--likelihood", "importance[num_samples=5000]", *where, code=3,
        **pretended.variables, **limit,
    ).stderr  # fmt: skip
    assert "importance[num_samples=5000] (test): It failed: Out of memory on pretend:0: choose a smaller" in shown


def test_memory_of_the_cpu_is_limited_too(bench: Bench, tmp_path: Path) -> None:
    """Nothing is pretended: no machine has a million gigabytes."""
    bench("run", "--algos", f"{BUSY}[learning_rate=0.1,memory=1000000000000000]", "--seeds", "1", *QUICK,
          "--device", "cpu", "--backend", "sequential", "--out", "run", code=3)  # fmt: skip
    (reason,) = library.load(tmp_path / "run").trials["reason"]
    assert reason.startswith("Out of memory on cpu: choose a smaller batch_size, --hidden,")
    assert "fewer trials at once (--jobs)" in reason


def test_a_command_waits_for_the_device_of_another_and_says_so(pretended: Pretended) -> None:
    slow = f"{PLUGINS / 'counting.py'}[learning_rate=0.1,seconds=0.3]"
    common = ["--seeds", "1", *QUICK, "--device", "pretend:0", "--backend", "sequential"]
    first = pretended.start("--algos", slow, *common, "--budget", "100000", "--out", "one")
    while not (log := pretended.log).exists() or "synchronize" not in log.read_text():
        assert first.poll() is None
        time.sleep(0.1)
    second = pretended.start("--algos", AEVB, *common, "--out", "two")
    waits, shown = f"{AEVB} z=2 n=200 seed=0: Waits for pretend:0 on ", ""
    assert second.stdout is not None
    while waits not in shown and (line := second.stdout.readline()):
        shown += line
    assert waits in shown
    first.terminate()
    first.communicate(timeout=120)
    shown, _ = second.communicate(timeout=120)
    assert (first.returncode, second.returncode) == (143, 0), shown
    ended = next((pretended.folder / "one" / "trials").glob("*/status.json")).stat().st_mtime
    second_began = Store(pretended.folder / "two").read().trials[0].contents.record.provenance
    assert second_began is not None
    assert datetime.fromisoformat(second_began.began).timestamp() > ended


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (["--device", "cuda:0,cuda:0"], "`device` must name each device once (got cuda:0 twice in 'cuda:0,cuda:0')"),
        (["--device", "cuda,cuda:1"], "`device` must name each device once (got cuda:1 twice in 'cuda,cuda:1')"),
        (["--device", "cpu,cpu"], "`device` must name each device once (got cpu twice"),
        (["--device", "cpu,cuda:0"], "`device` must be the CPU or other devices, not both (got 'cpu,cuda:0')"),
        (["--device", "cuda:2"], "`device` must be auto or one of cpu, cuda:0, cuda:1 here (got 'cuda:2')"),
        (["--device", "cuda:x"], "`device` must be auto or one of cpu, cuda:0, cuda:1 here (got 'cuda:x')"),
        (["--device", "cuda:0,"], "`device` must be auto or one of cpu, cuda:0, cuda:1 here (got '')"),
        (["--device", "mps"], "`device` must be auto or one of cpu, cuda:0, cuda:1 here (got 'mps')"),
        (["--jobs", "3"], "`jobs` must be at most 2 on cuda:0, cuda:1, of which each takes 1 at a time (got 3)"),
        (["--jobs", "3", "--device", "cuda:1"], "set --jobs-per-device 3."),
        (["--jobs", "5", "--jobs-per-device", "2"], "`jobs` must be at most 4 on cuda:0, cuda:1"),
        (["--jobs-per-device", "0"], "Invalid value for '--jobs-per-device': must be at least 1 (got 0)"),
        (["--jobs-per-device", "many"], "Invalid value for '--jobs-per-device'"),
    ],
)
def test_impossible_devices_are_refused(
    asked: list[str], message: str, bench: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """On a machine of which PyTorch says that it has two CUDA devices; none of them is touched."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    shown = bench("run", "--algos", AEVB, *QUICK, "--backend", "sequential", "--out", "run", *asked, code=2).stderr
    assert message in " ".join(shown.split())
    assert not (tmp_path / "run").exists()


def test_a_machine_of_a_cluster_without_the_device_is_named(bench: Bench, tmp_path: Path) -> None:
    """What is wrong on any machine is refused before; which devices a machine lacks is only known there."""
    asked = ["run", "--algos", AEVB, "--seeds", "1", *QUICK, "--backend", PLUGINS / "elsewhere.py", "--out", "run"]
    for device, message in {
        "tpu": "`device` must be auto, cpu, cuda, cuda:0,cuda:1 or mps (got 'tpu')",
        "cuda:0,cpu": "`device` must be the CPU or other devices, not both (got 'cuda:0,cpu')",
        "cuda:0, cuda:0": "`device` must name each device once (got cuda:0 twice",
    }.items():
        assert message in " ".join(bench(*asked, "--device", device, code=2).stderr.split())
    assert not (tmp_path / "run").exists()
    shown = bench(*asked, "--device", "cuda:99", code=3).stderr
    (row,) = library.load(tmp_path / "run").trials.itertuples()
    assert row.status == "crashed", "the same command goes on from where it was"
    assert row.reason.startswith(f"{platform.node()}: `device` must be auto or one of cpu")
    assert row.reason in shown.replace("\n", " ")
    host = place(TrialRecord(host=platform.node()), Execution(backend=str(PLUGINS / "elsewhere.py")))
    assert f" on {host}: bound" in bench(*asked, "--device", "cpu").stderr
