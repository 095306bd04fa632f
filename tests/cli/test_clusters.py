"""The same study on a cluster gives the same numbers to the last bit, whoever is lost on the way."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pandas as pd
import psutil
import pytest

import bench
from bench.errors import OptionError, StoreError
from bench.execution.backend import Workers
from bench.execution.execution import Execution
from bench.store.run_folder import Store
from bench.store.trial_folder import TrialFolder

PLUGINS = Path(__file__).parent.parent / "plugins"
PATIENCE = 240.0  # seconds for what takes some
CLOCKS = ["train_seconds", "eval_seconds", "samples_per_second", "cpu_share", "seconds", "jobs"]
TABLES = ("trials", "trace", "likelihoods", "diagnosis", "latents")
QUICK = [
    "--z", "2", "--dataset", str(PLUGINS / "blobs.py"), "--hidden", "8", "--likelihood", "importance[num_samples=20]",
    "--likelihood-points", "20", "--device", "cpu",
]  # fmt: skip


def command(folder: Path, *arguments: object, **environment: str) -> subprocess.Popen[str]:
    """The command in a process group of its own; its output is one text."""
    return subprocess.Popen(
        [sys.executable, "-m", "bench", "run", *map(str, arguments)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "200", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=heed_interrupts,  # noqa: PLW1509  # no other thread holds a lock that the new process would want
    )


def heed_interrupts() -> None:
    """In a new process: handle SIGINT as at a terminal; in a parallel run of tests it is ignored."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finished(process: subprocess.Popen[str], code: int = 0) -> str:
    output, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, output
    assert "Traceback" not in output
    return output


def kill(process: subprocess.Popen[str]) -> None:
    """Leave what it has started alone, which may keep its output open."""
    process.kill()
    process.wait()
    assert process.stdout is not None
    process.stdout.close()


def assert_same(one: Path, other: Path) -> None:
    """All numbers but the clocks are equal bit for bit, and so are the weights."""
    first, second = bench.load(one), bench.load(other)
    for table in TABLES:
        a, b = (getattr(each, table).drop(columns=CLOCKS, errors="ignore") for each in (first, second))
        assert len(a)
        pd.testing.assert_frame_equal(a, b, check_exact=True)
    for trial in first.trials["trial"]:
        a, b = (Store(path).trial(trial).read_model() for path in (one, other))
        assert all(a[name].equal(b[name]) for name in a)


def until(is_so: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def samples(run: Path) -> dict[str, int]:
    """How far the trials have come, as their folders say."""
    found = {}
    for folder in (run / "trials").glob("*") if run.exists() else ():
        record = Store(run).trial(folder.name).read_status()
        found[folder.name] = record.clocks.samples if record.clocks else 0
    return found


def slow(notes: Path, pace: float = 0.1) -> str:
    """An algorithm of a user's file that notes its updates, and takes some time for each; see `set_pace`."""
    notes.mkdir()
    set_pace(notes, pace)
    return f"{PLUGINS / 'counting.py'}[learning_rate=0.05,notes={notes}]"


def set_pace(notes: Path, pace: float) -> None:
    """The seconds that each update takes from now on."""
    (notes / "new").write_text(str(pace))
    (notes / "new").replace(notes / "pace")


def begun(notes: Path) -> int:
    """How many times a trial has made its first update."""
    return updates(notes).count("100")


def updates(notes: Path) -> list[str]:
    """All updates that have been made, as the number of samples that their trial has seen then."""
    return [line for path in notes.glob("[0-9]*") for line in path.read_text().splitlines()]


def statuses(run: Path) -> Counter[str]:
    """How many trials have each status."""
    return Counter(Store(run).trial(trial).read_status().status.value for trial in samples(run))


def checkpoints(run: Path, algorithm: str = "") -> int:
    """How many trials have one, of all algorithms or of those whose names begin so."""
    folders = {path.parent for path in run.glob("trials/*/checkpoint*")}
    return sum(TrialFolder(folder).read_spec().algorithm.name.startswith(algorithm) for folder in folders)


def test_a_sweep_survives_its_command(shared_dask_cluster: Any, tmp_path: Path) -> None:
    """It is killed, started again, interrupted, and started again: nothing is trained twice, and all is the same.

    When it is killed some trials are done, some run, and some wait for a worker.
    """
    import distributed

    notes, run, address = tmp_path / "notes", tmp_path / "run", shared_dask_cluster.address
    asked = ["--algos", slow(notes), "--seeds", "6", "--budget", "2000", "--dataset", "digits", *QUICK[4:]]
    asked += ["--z", "2", "--out", "run"]
    on_dask = [*asked, "--backend", "dask", "--scheduler", address]
    first = command(tmp_path, *on_dask)
    until(lambda: statuses(run)["done"], "no trial is done")
    set_pace(notes, 0.5)
    until(lambda: 100 <= max_running(run) <= 800, "no trial is far from its beginning and its end")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert set(statuses(run)) == {"done", "running", "waiting"}
    before = len(updates(notes))
    until(lambda: len(updates(notes)) > before + 3, "the workers have stopped")
    execution = Execution(backend="sequential", device="cpu")
    with pytest.raises(StoreError, match=f"under way on the Dask cluster at {address}; --backend dask --scheduler"):
        bench.run(run / "study.toml", out=run, execution=execution, quiet=True)
    with distributed.Client(address, set_as_default=False) as client:
        other = client.submit(time.sleep, 0.1, key=f"others-{tmp_path.name}", pure=False)
        second = command(tmp_path, *on_dask)
        seen = sum(samples(run).values())
        until(lambda: sum(samples(run).values()) > seen and max_running(run) >= 100, "nothing goes on")
        second.send_signal(signal.SIGINT)
        assert "run the same command again" in finished(second, code=130)
        made = len(updates(notes))
        time.sleep(1)
        assert len(updates(notes)) == made, "nothing trains any more"
        set_pace(notes, 0)
        finished(command(tmp_path, *on_dask))
        assert other.result(timeout=PATIENCE) is None, "other work of the cluster goes on"
    assert len(updates(notes)) == 6 * 20, "nothing is trained twice"
    bench.run(run / "study.toml", out=tmp_path / "here", execution=execution, quiet=True)
    assert_same(run, tmp_path / "here")
    assert len(updates(notes)) == 2 * 6 * 20, "which is what is counted"
    for out, where in ((run, f"dask[scheduler={address}]"), (tmp_path / "here", "sequential")):
        execution = Execution(backend=where, device="cpu")
        bench.estimate(out, likelihood="importance[num_samples=30]", trust=True, execution=execution, quiet=True)
    assert len(bench.load(run).likelihoods["estimator"].unique()) == 2
    assert_same(run, tmp_path / "here")


def max_running(run: Path) -> int:
    """How many samples the trial has seen that has come furthest, of those that have not ended."""
    running = [Store(run).trial(trial).read_status() for trial in samples(run)]
    return max((r.clocks.samples for r in running if r.clocks and r.status.value == "running"), default=0)


def test_a_worker_that_is_lost_and_one_that_joins_change_nothing(shared_dask_cluster: Any, tmp_path: Path) -> None:
    """One of two workers is killed half-way, a third joins late; it gets a plugin as it was at the beginning."""
    notes, run, mine = tmp_path / "notes", tmp_path / "run", tmp_path / "mine.py"
    mine.write_text((PLUGINS / "mine.py").read_text())
    asked = ["--algos", f"{slow(notes)},wakesleep,mcem,./mine.py", "--seeds", "2", "--budget", "3000", *QUICK]
    asked += ["--out", "run"]
    first = command(
        tmp_path, *asked, "--backend", "dask", "--scheduler", shared_dask_cluster.address, "--checkpoint", "1s"
    )
    until(lambda: begun(notes) == checkpoints(run, "counting") >= 1, "no trial has come far")
    mine.write_text(mine.read_text() + "\nraise ValueError\n")
    set_pace(notes, 3.0)  # so that work is left when the new worker is there, however long it takes to start
    shared_dask_cluster.kill_worker(shared_dask_cluster.alive()[0])
    shared_dask_cluster.add_worker()
    latest = shared_dask_cluster.folder / f"worker{shared_dask_cluster.alive()[-1]}"
    until((latest / "cache" / "user-files").is_dir, "the new worker has no work")
    set_pace(notes, 0)
    shown = finished(first)
    assert shown.count(f" on {platform.node().partition('.')[0]}: bound ") == 6, "where; mcem has no bound"
    assert begun(notes) == 2, "each trial was begun once: it went on from its checkpoint"
    assert len(updates(notes)) >= 60
    mine.write_text((PLUGINS / "mine.py").read_text())
    execution = Execution(backend="sequential", device="cpu")
    with contextlib.chdir(tmp_path):
        bench.run(run / "study.toml", out=tmp_path / "here", execution=execution, quiet=True)
    assert_same(run, tmp_path / "here")


OTHER = """
import bench.execution.remote.versions as versions
versions._code = lambda: "another"
"""


def shown_until(run: subprocess.Popen[str], words: str) -> str:
    """The output of a command until these words appear."""
    assert run.stdout is not None
    watch = threading.Timer(PATIENCE, run.kill)
    watch.start()
    seen = ""
    while words not in seen and (line := run.stdout.readline()):
        seen += line
    watch.cancel()
    assert words in seen, seen
    return seen


def test_a_cluster_that_has_no_worker_and_one_that_is_gone(dask_cluster: Any, bench: Any, tmp_path: Path) -> None:
    """One line says that nothing runs, and one that a machine has other versions, which costs no trial.

    If the scheduler is gone, what has arrived stays, and elsewhere the same command goes on from there.
    """
    notes, run = tmp_path / "notes", tmp_path / "run"
    asked = ["--algos", slow(notes, 0), "--seeds", "2", *QUICK, "--checkpoint", "1s", "--out", "run"]
    on_dask = [*asked, "--backend", "dask", "--scheduler", dask_cluster.address]
    first = command(tmp_path, *on_dask, "--budget", "1000")
    where = f"dask worker {dask_cluster.address} --nthreads 1"
    start = f"start some where bench is installed: {where}"
    seen = shown_until(first, f"No worker has taken a trial yet: the scheduler has no worker; {start}.")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sitecustomize.py").write_text(OTHER)
    path = os.pathsep.join([str(tmp_path / "other"), *filter(None, [os.environ.get("PYTHONPATH")])])
    dask_cluster.add_worker(PYTHONPATH=path)
    seen += shown_until(first, "has other versions")
    dask_cluster.add_worker()
    seen += finished(first)
    assert seen.count("has other versions than this machine: bench another in place of") == 1
    assert seen.count("No worker has taken a trial yet") == 1
    assert statuses(run) == {"done": 2}
    set_pace(notes, 0.1)
    second = command(tmp_path, *on_dask, "--budget", "10000")
    until(lambda: sum(samples(run).values()) > 3000, "no trial has come far")
    dask_cluster.stop()
    assert "The Dask scheduler does not answer any more" in finished(second, code=2)
    set_pace(notes, 0)
    bench("run", *asked, "--budget", "10000", "--backend", "sequential")
    assert statuses(run) == {"done": 2}
    assert begun(notes) == 2, "it went on"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--backend", "dask"], "needs the address of a scheduler: --scheduler tcp://HOST:8786"),
        (["--scheduler", "tcp://127.0.0.1:1"], "the back end loky has no such option: give --backend dask with it"),
        (
            ["--backend", "dask[scheduler=a]", "--scheduler", "b"],
            "--backend gives scheduler as well",
        ),
        (
            ["--jobs-per-device", "2", "--device", "cpu"],
            "is for GPUs, and here it is the CPU (got 2)",
        ),
        (["--address", "auto", "--backend", "dask"], "give --backend ray with it"),
        (["--backend", "dask[versions=none]"], "`versions` of dask must be 'same' or 'any' (got 'none')"),
    ],
)
def test_requests_that_cannot_be_met(bench: Any, arguments: list[str], words: str, tmp_path: Path) -> None:
    finished = bench("run", "--algos", "aevb", *arguments, "--out", "run", code=2)
    assert words in " ".join(finished.stderr.split())
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(("name", "package"), [("dask", "distributed"), ("ray", "ray"), ("slurm", "submitit")])
def test_a_missing_extra_is_one_message(name: str, package: str, tmp_path: Path) -> None:
    code = f"import sys; sys.modules[{package!r}] = None; from bench.cli import main; main()"
    where = ["--scheduler", "tcp://127.0.0.1:1"] if name == "dask" else []
    ended = subprocess.run(
        [sys.executable, "-c", code, "run", "--algos", "aevb", "--backend", name, *where, "--out", "run"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert f"pip install 'aevb-bench[{name}]'" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_ray_loses_a_node_and_its_command(shared_ray_cluster: Any, tmp_path: Path) -> None:
    """The command is killed, and started again; a node is lost, and another joins: all is the same.

    No trial is begun anew: each goes on from the checkpoint that has arrived.  A node has room for one of them.
    """
    notes, run = tmp_path / "notes", tmp_path / "run"
    lost = shared_ray_cluster.add_node(num_cpus=2)
    asked = ["--algos", slow(notes), "--seeds", "2", "--budget", "3000", "--threads", "2", *QUICK, "--out", "run"]
    asked += ["--checkpoint", "1s", "--backend", "ray", "--address", shared_ray_cluster.address]
    first = command(tmp_path, *asked)
    until(lambda: checkpoints(run) == 2, "the trials have not come far")
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    second = command(tmp_path, *asked)
    before = samples(run)
    until(lambda: sum(now > before[trial] for trial, now in samples(run).items()) == 2, "they do not go on")
    shared_ray_cluster.remove_node(lost, allow_graceful=False)
    late = shared_ray_cluster.add_node(num_cpus=2)
    set_pace(notes, 0)
    assert "raylet" not in finished(second), "what Ray reports of a lost node is not progress"
    shared_ray_cluster.remove_node(late)
    assert statuses(run) == {"done": 2}
    assert begun(notes) == 2, "each was begun once"
    execution = Execution(backend="sequential", device="cpu", threads=2)
    bench.run(run / "study.toml", out=tmp_path / "here", execution=execution, quiet=True)
    assert_same(run, tmp_path / "here")


def test_what_no_node_of_ray_has_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials wait for a node that has it, which may join; a Ray of this machine's own is joined by none."""
    from bench.execution.backends import ray as backend
    from bench.execution.remote import ray_cluster

    nodes = [{"Alive": True, "Resources": {"CPU": 2.0}}, {"Alive": False, "Resources": {"CPU": 16.0, "GPU": 8.0}}]
    monkeypatch.setattr(ray_cluster, "ray", lambda: SimpleNamespace(nodes=lambda: nodes))
    with pytest.raises(OptionError, match=r"^A trial needs 1 CPU and 1 GPU on one node of Ray, and no node has more"):
        backend.Ray(gpus=1).open(Path("run"), Workers())
    made: Any = backend.Ray(address="elsewhere:6379")
    made.needs = {"CPU": 7, "GPU": 0.0}
    assert made.shortage().startswith(
        "a trial needs 7 CPUs on one node of Ray, and no node has more than 2 CPUs: lower"
    )
    made.needs = {"CPU": 2, "GPU": 0.0}
    assert not made.shortage()


def test_a_ray_cluster_that_is_gone_is_one_message(monkeypatch: pytest.MonkeyPatch) -> None:
    from bench.execution.backends import ray as backend

    made: Any = backend.Ray()
    made.broker = MagicMock()
    library = SimpleNamespace(exceptions=SimpleNamespace(RayError=RuntimeError))
    library.get = MagicMock(side_effect=RuntimeError("The actor died.\nMore."))
    monkeypatch.setattr(backend, "ray", lambda: library)
    with pytest.raises(OptionError, match=r"does not answer any more \(The actor died\.\)\. The same command goes on"):
        made.receive(1.0)


LOCAL = ["--backend", "slurm[cluster=local]", "--checkpoint", "1s"]


def jobs_of(folder: Path) -> list[psutil.Process]:
    """The processes of submitit's jobs of the run in a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if "submitit.core._submit" in line and any(str(folder) in part for part in line):
                found.append(process)
    return found


def test_jobs_are_preempted_outlive_their_command_and_make_way(tmp_path: Path) -> None:
    """On submitit's executor for this machine: nothing is trained twice, and all is as without it.

    A job that is preempted is queued again and goes on; one whose command is killed goes on; one of a smaller budget
    makes way for another; Ctrl-C ends all of them.  Of a job that went well nothing is left.
    """
    notes, run = tmp_path / "notes", tmp_path / "run"
    asked = ["--algos", slow(notes), "--seeds", "1", *QUICK, "--out", "run"]
    first = command(tmp_path, *asked, *LOCAL, "--budget", "20000")
    until(lambda: sum(samples(run).values()) > 1000, "the trial has not come far")
    (job,) = jobs_of(tmp_path)
    job.send_signal(signal.SIGUSR2)  # as SLURM announces it
    until(lambda: len(list(notes.glob("[0-9]*"))) == 2, "no second process goes on")
    kill(first)
    before = len(updates(notes))
    until(lambda: len(updates(notes)) > before + 5, "the job has stopped")
    execution = Execution(backend="sequential", device="cpu")
    with pytest.raises(
        StoreError, match=r"1 trial is under way in SLURM jobs; --backend 'slurm\[cluster=local\]' continues it"
    ):
        bench.run(run / "study.toml", out=run, execution=execution, quiet=True)
    second = command(tmp_path, *asked, *LOCAL, "--budget", "25000")
    until(lambda: len(list(notes.glob("[0-9]*"))) == 3, "no third process goes on")
    second.send_signal(signal.SIGINT)
    assert "run the same command again" in finished(second, code=130)
    assert not jobs_of(tmp_path)
    assert statuses(run) == {"interrupted": 1}
    set_pace(notes, 0)
    finished(command(tmp_path, *asked, *LOCAL, "--budget", "25000"))
    assert list(samples(run).values()) == [25_000]
    assert len(updates(notes)) == 250, "nothing is trained twice"
    kept = {path.name.partition("_")[0] for path in (run / "slurm").iterdir()}
    assert len(kept - {"jobs.json", "locks"}) == 2, "of the two that were told to end"
    bench.run(run / "study.toml", out=tmp_path / "here", execution=execution, quiet=True)
    assert_same(run, tmp_path / "here")


@dataclass(frozen=True)
class FakeSlurm:
    """Programs of SLURM's names that run nothing: they only show how they are called, and say what is in a file."""

    folder: Path

    def __post_init__(self) -> None:
        """Write them."""
        (self.folder / "bin").mkdir(parents=True)
        programs = {
            "sbatch": 'cp "$1" "$0.$$.script"; echo "Submitted batch job 7"',
            "sacct": 'echo "JobID|State|NodeList"; for i in 7_0 7_1; do echo "$i|$(cat "$(dirname $0)/state")|n"; done',
            "scancel": 'echo "$@" >> "$0.called"',
            "srun": "exit 1",
        }
        for name, script in programs.items():
            path = self.folder / "bin" / name
            path.write_text(f"#!/bin/sh\n{script}\n")
            path.chmod(0o755)
        self.say("PENDING")

    def say(self, state: str) -> None:
        """Set what sacct reports for all jobs from now on."""
        (self.folder / "bin" / "state").write_text(state)

    def scripts(self) -> list[str]:
        """The jobs that were submitted."""
        return [path.read_text() for path in (self.folder / "bin").glob("sbatch.*.script")]

    def cancelled(self) -> list[str]:
        """The arguments of scancel."""
        path = self.folder / "bin" / "scancel.called"
        return path.read_text().split() if path.exists() else []

    @property
    def path(self) -> str:
        """The value of PATH with which they are found."""
        return f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"


def test_what_slurm_is_asked_for(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One array; a command that is killed finds its jobs again; an interrupt cancels them, and nothing else."""
    slurm = FakeSlurm(tmp_path / "slurm")
    monkeypatch.setenv("PATH", slurm.path)
    backend = "slurm[partition='cpu,long',account=lab,minutes=90,memory=4,gpus=1]"
    asked = ["--algos", "aevb[learning_rate=0.05]", "--seeds", "2", "--threads", "3", "--jobs", "1", *QUICK]
    asked += ["--budget", "1000", "--backend", backend, "--out", "run"]
    run = command(tmp_path, *asked)
    until((tmp_path / "run" / "slurm" / "jobs.json").exists, "nothing is submitted")
    (script,) = slurm.scripts()
    lines = {line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")}
    assert lines >= {
        "array=0-1%1", "cpus-per-task=3", "time=90", "mem=4GB", "gpus-per-node=1", "partition=cpu,long", "account=lab",
        "job-name=bench", "signal=USR2@60", "nodes=1", "open-mode=append",
    }  # fmt: skip
    kill(run)
    refused = bench("run", *asked[:-4], "--out", "run", code=2).stderr
    assert "2 trials are under way in SLURM jobs; --backend slurm continues them" in refused
    again = command(tmp_path, *asked)
    shown_until(again, "No SLURM job of this run has started yet: 2 pending. squeue --me says why.")
    assert len(slurm.scripts()) == 1, "its jobs are still there"
    again.send_signal(signal.SIGINT)
    slurm.say("CANCELLED")
    finished(again, code=130)
    assert sorted(slurm.cancelled()) == ["7_0", "7_1"]


def test_a_job_that_slurm_loses_twice_is_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The reason says what SLURM says of it, and where to read more."""
    from bench.execution.backends import slurm as backend

    slurm = FakeSlurm(tmp_path / "slurm")
    slurm.say("NODE_FAIL")
    monkeypatch.setenv("PATH", slurm.path)
    monkeypatch.setattr(backend, "LATE_SECONDS", 0.5)
    results = bench.run(
        algos="aevb[learning_rate=0.05]", dataset=str(PLUGINS / "blobs.py"), z=2, seeds=2, budget=1000, quiet=True,
        execution=Execution(backend="slurm", device="cpu"), out=tmp_path / "run",
    )  # fmt: skip
    assert list(results.trials["status"]) == ["crashed", "crashed"]
    assert results.trials["reason"].str.contains(r"SLURM job 7_\d ended without a result \(NODE_FAIL\)").all()
    assert len(slurm.scripts()) == 2, "each was tried twice"


def test_where_slurm_is_not(bench: Any, tmp_path: Path) -> None:
    said = bench("run", "--algos", "aevb", "--backend", "slurm", "--out", "run", code=2).stderr
    assert "there is no srun here: run this on a login node" in " ".join(said.split())
    assert not (tmp_path / "run").exists()


def test_options_that_slurm_refuses(bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slurm = FakeSlurm(tmp_path / "slurm")
    program = tmp_path / "slurm" / "bin" / "sbatch"
    program.write_text("#!/bin/sh\necho 'sbatch: error: invalid partition specified: no' >&2; exit 1\n")
    asked = ["--algos", "aevb[learning_rate=0.05]", "--seeds", "2", "--budget", "1000", *QUICK]
    asked += ["--backend", "slurm[partition=no]", "--out", "run"]
    monkeypatch.setenv("PATH", slurm.path)
    assert "invalid partition specified: no" in bench("run", *asked, code=2).stderr
