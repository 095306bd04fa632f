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
from typing import Any

import numpy as np
import pandas as pd
import psutil
import pytest

import bench
from bench.execution.execution import Execution
from bench.store.run_folder import Store

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


def slow(notes: Path) -> str:
    """An algorithm of a user's file whose trials take some seconds, and which notes its updates."""
    notes.mkdir()
    return f"{PLUGINS / 'counting.py'}[learning_rate=0.05,notes={notes},seconds=0.02]"


def updates(notes: Path) -> int:
    """How many updates have been made in all."""
    return sum(len(path.read_text().splitlines()) for path in notes.iterdir())


def test_a_worker_that_is_lost_and_one_that_joins_change_nothing(dask_cluster: Any, tmp_path: Path) -> None:
    """Two workers begin, one of them is killed half-way, a third joins late; a user's files travel to all of them."""
    notes = tmp_path / "notes"
    asked = ["--algos", f"{slow(notes)},wakesleep,mcem", "--seeds", "2", "--budget", "6000", *QUICK]
    for _ in range(2):
        dask_cluster.add_worker()
    run = command(
        tmp_path, *asked, "--backend", "dask", "--scheduler", dask_cluster.address, "--checkpoint", "1s", "--out", "run"
    )
    until(lambda: sum(samples(tmp_path / "run").values()) > 4000, "no trial has come far")
    dask_cluster.add_worker()
    dask_cluster.kill_worker(0)
    shown = finished(run)
    assert shown.count(f" on {platform.node().partition('.')[0]}: bound ") == 4, (
        "where each trial ran; mcem has no bound"
    )
    execution = Execution(backend="sequential", device="cpu")
    algos = ["wakesleep", "mcem"]
    algos.insert(0, asked[1].partition(",wakesleep")[0])
    bench.run(
        out=tmp_path / "here", execution=execution, quiet=True, algos=algos, seeds=2, budget=6000, z=2,
        dataset=str(PLUGINS / "blobs.py"), hidden=8, likelihood="importance[num_samples=20]", likelihood_points=20,
    )  # fmt: skip
    assert_same(tmp_path / "run", tmp_path / "here")
    assert (dask_cluster.folder / "worker2" / "cache" / "brought").is_dir(), "the third had work"


def test_a_command_that_is_killed_finds_what_ran_on(dask_cluster: Any, tmp_path: Path) -> None:
    """Nothing is trained twice: the worker goes on alone, and what it has written waits for the command."""
    notes = tmp_path / "notes"
    asked = ["--algos", slow(notes), "--seeds", "1", "--budget", "20000", *QUICK]
    asked += ["--backend", "dask", "--scheduler", dask_cluster.address, "--checkpoint", "1s", "--out", "run"]
    dask_cluster.add_worker()
    run = command(tmp_path, *asked)
    until(lambda: sum(samples(tmp_path / "run").values()) > 2000, "the trial has not come far")
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    before = updates(notes)
    until(lambda: updates(notes) > before + 20, "the worker has stopped")
    finished(command(tmp_path, *asked))
    assert updates(notes) == 200, "nothing is trained twice"
    (record,) = (Store(tmp_path / "run").trial(trial).read_status() for trial in samples(tmp_path / "run"))
    assert record.clocks is not None
    assert record.clocks.samples == 20_000


def test_a_scheduler_that_is_gone_is_one_message(dask_cluster: Any, tmp_path: Path) -> None:
    """What has come home stays; on another cluster the same command goes on from there."""
    notes = tmp_path / "notes"
    asked = ["--algos", slow(notes), "--seeds", "1", "--budget", "10000", *QUICK, "--checkpoint", "1s", "--out", "run"]
    dask_cluster.add_worker()
    run = command(tmp_path, *asked, "--backend", "dask", "--scheduler", dask_cluster.address)
    until(lambda: sum(samples(tmp_path / "run").values()) > 2000, "the trial has not come far")
    dask_cluster.stop()
    assert "The Dask scheduler does not answer any more" in finished(run, code=2)
    before = updates(notes)
    finished(command(tmp_path, *asked, "--backend", "sequential"))
    assert updates(notes) < 100 + before, "it went on"


OTHER = """
import bench.execution.remote.versions as versions
versions._code = lambda: "another"
"""


def test_a_machine_with_other_versions_gets_no_trial(dask_cluster: Any, tmp_path: Path) -> None:
    """It is told once, and costs no trial."""
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "sitecustomize.py").write_text(OTHER)
    path = os.pathsep.join([str(tmp_path / "other"), *filter(None, [os.environ.get("PYTHONPATH")])])
    dask_cluster.add_worker(PYTHONPATH=path)
    asked = ["--algos", "aevb[learning_rate=0.05]", "--seeds", "3", "--budget", "1000", *QUICK]
    run = command(tmp_path, *asked, "--backend", "dask", "--scheduler", dask_cluster.address, "--out", "run")
    assert run.stdout is not None
    seen = ""
    watch = threading.Timer(PATIENCE, run.kill)
    watch.start()
    while "has other versions" not in seen and (line := run.stdout.readline()):
        seen += line
    watch.cancel()
    dask_cluster.add_worker()
    output = seen + finished(run)
    assert output.count("has other versions than this machine: bench another in place of") == 1
    assert (bench.load(tmp_path / "run").trials["status"] == "done").all()


def test_files_that_are_edited_meanwhile(dask_cluster: Any, tmp_path: Path) -> None:
    """A worker that joins later gets the plugin of the beginning; data that have changed end their trials."""
    (tmp_path / "mine.py").write_text((PLUGINS / "mine.py").read_text())
    np.save(tmp_path / "x.npy", np.random.default_rng(0).random((60, 5)))
    for edited in ("mine.py", "x.npy"):
        asked = ["--algos", "./mine.py", "--dataset", "./x.npy", "--z", "2", "--hidden", "8", "--seeds", "1"]
        asked += [
            "--budget",
            "1000",
            "--likelihood",
            "importance[num_samples=20]",
            "--device",
            "cpu",
            "--out",
            edited[0],
        ]
        run = command(tmp_path, *asked, "--backend", "dask", "--scheduler", dask_cluster.address)
        until(lambda folder=tmp_path / edited[0]: len(samples(folder)) == 1, "nothing is planned")
        time.sleep(3)
        with (tmp_path / edited).open("ab") as file:
            file.write(b"\nedited = True")
        dask_cluster.add_worker()
        output = finished(run, code=0 if edited == "mine.py" else 3)
        assert ("has changed since it was sent" in output) == (edited == "x.npy")
        dask_cluster.kill_worker(-1)


def test_an_interrupt_leaves_the_cluster_to_others(dask_cluster: Any, tmp_path: Path) -> None:
    """The trial saves a checkpoint and ends, other work of the cluster goes on, and the same command resumes."""
    import distributed

    notes = tmp_path / "notes"
    asked = ["--algos", slow(notes), "--seeds", "1", "--budget", "20000", *QUICK]
    asked += ["--backend", "dask", "--scheduler", dask_cluster.address, "--out", "run"]
    for _ in range(2):
        dask_cluster.add_worker()
    with distributed.Client(dask_cluster.address, set_as_default=False) as client:
        other = client.submit(time.sleep, 20, key="others")
        run = command(tmp_path, *asked)
        until(lambda: sum(samples(tmp_path / "run").values()) > 1000, "the trial has not come far")
        run.send_signal(signal.SIGINT)
        output = finished(run, code=130)
        assert "the same command does the rest" in output
        assert not other.cancelled()
        made = updates(notes)
        time.sleep(1)
        assert updates(notes) == made, "nothing trains any more"
        finished(command(tmp_path, *asked))
        assert updates(notes) == 200
        assert other.result() is None


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


def test_ray_gives_the_same(tmp_path: Path) -> None:
    """A cluster of Ray's own on this machine."""
    asked = ["--algos", f"wakesleep,mcem,{PLUGINS / 'mine.py'}", "--seeds", "2", "--budget", "1000", *QUICK]
    finished(command(tmp_path, *asked, "--backend", "ray", "--out", "run"))
    finished(command(tmp_path, *asked, "--jobs", "2", "--out", "here"))
    assert_same(tmp_path / "run", tmp_path / "here")


LOCAL = ["--backend", "slurm[cluster=local]", "--checkpoint", "1s"]


def test_slurm_gives_the_same(tmp_path: Path) -> None:
    """On submitit's executor for this machine, with a user's file.  Of jobs that went well nothing is left."""
    algorithms = f"wakesleep,{PLUGINS / 'mine.py'}"
    asked = ["--algos", algorithms, "--seeds", "1", "--budget", "1000", *QUICK]
    finished(command(tmp_path, *asked, *LOCAL, "--jobs", "2", "--out", "run"))
    finished(command(tmp_path, *asked, "--jobs", "2", "--out", "here"))
    assert_same(tmp_path / "run", tmp_path / "here")
    assert {path.name for path in (tmp_path / "run" / "slurm").iterdir()} == {"jobs.json", "locks"}


def jobs_of(folder: Path) -> list[psutil.Process]:
    """The processes of submitit's jobs of the run in a folder."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline()
            if "submitit.core._submit" in line and any(str(folder) in part for part in line):
                found.append(process)
    return found


def test_a_job_that_is_preempted_is_queued_again_and_goes_on(tmp_path: Path) -> None:
    """SLURM announces it by a signal; the trial saves a checkpoint, so that nothing is trained twice."""
    notes = tmp_path / "notes"
    asked = ["--algos", slow(notes), "--seeds", "1", "--budget", "20000", *QUICK, *LOCAL, "--out", "run"]
    run = command(tmp_path, *asked)
    until(lambda: sum(samples(tmp_path / "run").values()) > 2000, "the trial has not come far")
    (job,) = jobs_of(tmp_path)
    job.send_signal(signal.SIGUSR2)
    finished(run)
    assert not job.is_running()
    assert len(list(notes.iterdir())) == 2, "a second process went on"
    assert updates(notes) == 200, "nothing is trained twice"


def test_a_job_outlives_the_command_that_submitted_it(tmp_path: Path) -> None:
    """The same command waits for it, and finds its trial done."""
    notes = tmp_path / "notes"
    asked = ["--algos", slow(notes), "--seeds", "1", "--budget", "20000", *QUICK, *LOCAL, "--out", "run"]
    run = command(tmp_path, *asked)
    until(lambda: sum(samples(tmp_path / "run").values()) > 2000, "the trial has not come far")
    kill(run)
    before = updates(notes)
    until(lambda: updates(notes) > before + 20, "the job has stopped")
    finished(command(tmp_path, *asked))
    assert updates(notes) == 200, "nothing is trained twice"


def test_a_job_of_an_earlier_command_is_not_taken_for_that_of_a_later_one(tmp_path: Path) -> None:
    """Its budget is smaller: it saves a checkpoint and ends, and another goes on from there."""
    notes = tmp_path / "notes"
    asked = ["--algos", slow(notes), "--seeds", "1", *QUICK, *LOCAL, "--out", "run"]
    run = command(tmp_path, *asked, "--budget", "20000")
    until(lambda: sum(samples(tmp_path / "run").values()) > 2000, "the trial has not come far")
    kill(run)
    finished(command(tmp_path, *asked, "--budget", "25000"))
    assert list(samples(tmp_path / "run").values()) == [25_000]
    assert updates(notes) == 250, "nothing is trained twice"
    assert not jobs_of(tmp_path)


def test_an_interrupt_ends_the_jobs(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    asked = ["--algos", slow(notes), "--seeds", "1", "--budget", "20000", *QUICK, *LOCAL, "--out", "run"]
    run = command(tmp_path, *asked)
    until(lambda: sum(samples(tmp_path / "run").values()) > 1000, "the trial has not come far")
    run.send_signal(signal.SIGINT)
    assert "the same command does the rest" in finished(run, code=130)
    assert not jobs_of(tmp_path)
    (record,) = (Store(tmp_path / "run").trial(trial).read_status() for trial in samples(tmp_path / "run"))
    assert record.status.value == "interrupted"


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
        """What sacct tells of all jobs from now on."""
        (self.folder / "bin" / "state").write_text(state)

    def scripts(self) -> list[str]:
        """What was submitted."""
        return [path.read_text() for path in (self.folder / "bin").glob("sbatch.*.script")]

    def cancelled(self) -> list[str]:
        """What scancel was called with."""
        path = self.folder / "bin" / "scancel.called"
        return path.read_text().split() if path.exists() else []

    @property
    def environment(self) -> dict[str, str]:
        """In which they are found."""
        return {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


def test_what_slurm_is_asked_for(tmp_path: Path) -> None:
    """One array; a command that is killed finds its jobs again; an interrupt cancels them, and nothing else."""
    slurm = FakeSlurm(tmp_path / "slurm")
    backend = "slurm[partition='cpu,long',account=lab,minutes=90,memory=4,gpus=1]"
    asked = ["--algos", "aevb[learning_rate=0.05]", "--seeds", "2", "--threads", "3", "--jobs", "1", *QUICK]
    asked += ["--budget", "1000", "--backend", backend, "--out", "run"]
    run = command(tmp_path, *asked, **slurm.environment)
    until((tmp_path / "run" / "slurm" / "jobs.json").exists, "nothing is submitted")
    (script,) = slurm.scripts()
    lines = {line.removeprefix("#SBATCH --") for line in script.splitlines() if line.startswith("#SBATCH")}
    assert lines >= {
        "array=0-1%1", "cpus-per-task=3", "time=90", "mem=4GB", "gpus-per-node=1", "partition=cpu,long", "account=lab",
        "job-name=bench", "signal=USR2@60", "nodes=1", "open-mode=append",
    }  # fmt: skip
    kill(run)
    again = command(tmp_path, *asked, **slurm.environment)
    time.sleep(8)
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
    monkeypatch.setenv("PATH", slurm.environment["PATH"])
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


def test_options_that_slurm_refuses(tmp_path: Path) -> None:
    slurm = FakeSlurm(tmp_path / "slurm")
    program = tmp_path / "slurm" / "bin" / "sbatch"
    program.write_text("#!/bin/sh\necho 'sbatch: error: invalid partition specified: no' >&2; exit 1\n")
    asked = ["--algos", "aevb[learning_rate=0.05]", "--seeds", "2", "--budget", "1000", *QUICK]
    asked += ["--backend", "slurm[partition=no]", "--out", "run"]
    said = finished(command(tmp_path, *asked, **slurm.environment), code=2)
    assert "invalid partition specified: no" in said


def test_counting_notes_each_update(tmp_path: Path) -> None:
    """The other tests count by it."""
    notes = tmp_path / "notes"
    finished(command(tmp_path, "--algos", slow(notes), "--seeds", "1", "--budget", "1000", *QUICK, "--out", "run"))
    assert Counter(path.name for path in notes.iterdir()).total() == 1
    assert updates(notes) == 10
