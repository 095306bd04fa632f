"""Jobs of a SLURM cluster."""

from __future__ import annotations

import contextlib
import os
import pickle
import shutil
import signal
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from bench.errors import OptionError
from bench.execution.backend import Outcome, Workers
from bench.execution.luggage import Portable
from bench.execution.remote.backend import ATTEMPTS, RemoteBackend, RemoteOptions, digest, extra
from bench.execution.remote.job import Job
from bench.execution.remote.parcel import Shelf
from bench.execution.remote.versions import versions
from bench.execution.worker_process import signals_blocked
from bench.options import option
from bench.store.files import read_json, write_json

FOLDER = "slurm"  # in the run folder: jobs, and what they print
LOCKS = "locks"  # in it: one for each trial
JOBS = "jobs.json"  # in it: the jobs that are submitted, by the keys of their tasks
LARGEST_ARRAY = 1000  # SLURM's own default limit
REQUEUES = 1000  # of a job at its time limit; each goes on where the last stopped
SIGNAL_SECONDS = 60  # between SLURM's warning and the end of a job
SECONDS_BETWEEN_LOOKS = 0.5
LATE_SECONDS = 15.0
STOP_SECONDS = 12.0  # until jobs have kept what they have
UNDER_WAY = {"PENDING", "RUNNING", "REQUEUED", "COMPLETING", "PREEMPTED", "SUSPENDED", "CONFIGURING", "READY"}


@dataclass(frozen=True)
class SlurmOptions(RemoteOptions):
    """Options of the back end; those that are left out are the cluster's defaults."""

    cluster: Literal["slurm", "local"] = option("slurm", "local tries everything on this machine, without SLURM")
    partition: str = option("", "partitions, with commas between them")
    account: str = option("", "account to charge")
    qos: str = option("", "quality of service")
    constraint: str = option("", "features that a node must have")
    minutes: int = option(240, "longest time of a job; a trial that needs more is queued again and goes on", minimum=1)
    memory: int = option(0, "memory per trial in GB", minimum=0)
    gpus: int = option(0, "GPUs per trial", minimum=0)


class Slurm(RemoteBackend):
    """Jobs of a SLURM cluster, in a job array: one trial each, on as many cores as `--threads` says.

    The run folder, the data and the Python environment lie on the disk that the cluster's machines share: trials write
    straight into the run folder.  A job that is preempted or reaches its time limit is queued again and goes on from
    its last checkpoint.  If this command is killed, its jobs go on, and the same command finds them.

    Source: https://github.com/facebookincubator/submitit
    """

    Options = SlurmOptions

    def __init__(self, **settings: object) -> None:
        """Nothing is submitted yet."""
        super().__init__(**settings)
        self._under_way: dict[str, Any] = {}  # submitit's jobs, by the keys of their tasks
        self._ended: dict[str, float] = {}  # when they were seen to have ended without a result
        self._jobs: Path | None = None

    def connect(self) -> None:
        """See `RemoteBackend.connect`."""
        _submitit()
        if self._is_slurm and shutil.which("srun") is None:
            raise OptionError(
                "`backend` slurm needs the programs of SLURM, and there is no srun here: run this on a login node of "
                "the cluster, or try it without SLURM: --backend 'slurm[cluster=local]'."
            )

    def away(
        self, function: Callable[[Any], Any], tasks: Sequence[Portable], workers: Workers
    ) -> Iterator[Outcome[Any, Any]]:
        """See `RemoteBackend.away`."""
        folder = (tasks[0].luggage.root / FOLDER).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        self._jobs = folder / JOBS
        executor = self._executor(folder, workers)
        required = versions() if self.options.versions == "same" else None
        (folder / LOCKS).mkdir(exist_ok=True)
        shelf = Shelf()
        by_key = {}
        for task in tasks:
            files = [shelf.items(named) for named in task.luggage.files]
            by_key[digest(function.__qualname__, repr(task), repr(files), repr(versions()))] = task
        patience = 2 * SIGNAL_SECONDS if self._is_slurm else 0.0
        jobs = {}
        for key, task in by_key.items():
            call, lock = pickle.dumps((function, task)), folder / LOCKS / task.luggage.folder.name
            jobs[key] = Job(str(task.luggage.folder), call, workers, required, lock, patience)
        self._adopt(folder, jobs)
        waiting = deque(key for key in jobs if key not in self._under_way)
        attempts = dict.fromkeys(jobs, 1)
        most = len(jobs) if self._is_slurm else min(workers.count, os.cpu_count() or 1)
        while waiting or self._under_way:
            while waiting and len(self._under_way) < most:
                number = min(most - len(self._under_way), LARGEST_ARRAY)
                self._submit(executor, {key: jobs[key] for key in islice(waiting, number)})
                for _ in range(min(number, len(waiting))):
                    waiting.popleft()
            for key, job in [each for each in self._under_way.items() if self._is_over(*each)]:
                del self._under_way[key]
                outcome = _outcome(job, by_key[key])
                if outcome is None and attempts[key] < ATTEMPTS:
                    attempts[key] += 1
                    waiting.append(key)
                    continue
                self._note()
                yield outcome or Outcome(by_key[key], died=_loss(job))
            if self._under_way:
                time.sleep(SECONDS_BETWEEN_LOOKS)

    def withdraw(self) -> None:
        """See `RemoteBackend.withdraw`."""
        if not self._under_way:
            return
        jobs = list(self._under_way.values())
        self._cancel([job.job_id for job in jobs])
        deadline = time.monotonic() + STOP_SECONDS
        while not all(job.done() for job in jobs) and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        self._under_way = {}
        self._note()

    def _is_over(self, key: str, job: Any) -> bool:
        """Whether its result is there, or will not come: another machine's disk may show it late."""
        if job.paths.result_pickle.exists():
            return True
        if not job.done():
            self._ended.pop(key, None)  # it may have been queued again
            return False
        late = LATE_SECONDS if self._is_slurm else 0.0
        return time.monotonic() - self._ended.setdefault(key, time.monotonic()) >= late

    @property
    def _is_slurm(self) -> bool:
        return bool(self.options.cluster == "slurm")

    def _executor(self, folder: Path, workers: Workers) -> Any:
        """Submits jobs with these options, which are named as submitit names them."""
        options = self.options
        executor = _submitit().AutoExecutor(folder, cluster=options.cluster, slurm_max_num_timeout=REQUEUES)
        executor.update_parameters(
            name="bench",
            timeout_min=options.minutes,
            cpus_per_task=workers.threads,
            slurm_signal_delay_s=SIGNAL_SECONDS,
            slurm_array_parallelism=workers.count,
        )
        given = {
            "mem_gb": options.memory,
            "gpus_per_node": options.gpus,
            "slurm_partition": options.partition,
            "slurm_account": options.account,
            "slurm_qos": options.qos,
            "slurm_constraint": options.constraint,
        }
        executor.update_parameters(**{name: value for name, value in given.items() if value})
        return executor

    def _submit(self, executor: Any, jobs: dict[str, Job]) -> None:
        """As one array."""
        submitted = []
        try:
            with signals_blocked(), executor.batch():  # a terminal's Ctrl-C is none of the jobs' business
                submitted += [executor.submit(job) for job in jobs.values()]
        except _submitit().core.utils.FailedJobError as error:
            raise OptionError(
                f"SLURM refuses the jobs; correct `backend`. It says: {_last_line(str(error))}"
            ) from error
        self._under_way |= dict(zip(jobs, submitted, strict=True))
        self._note()

    def _adopt(self, folder: Path, jobs: dict[str, Job]) -> None:
        """Go on with jobs that an earlier process of this command has submitted, and cancel those of other settings.

        On this machine without SLURM all are cancelled: they keep what they have.  A job that is told to end holds the
        lock of its trial until it has.
        """
        if not (folder / JOBS).exists():
            return
        superseded = []
        for key, job_id in read_json(folder / JOBS, JOBS)["jobs"].items():
            if not self._is_slurm:
                superseded += [job_id] if _is_local_job(job_id) else []
                continue
            job = _submitit().SlurmJob(folder, job_id)
            if job.watcher.get_state(job_id, mode="force").split()[0] in UNDER_WAY:
                if key in jobs:
                    self._under_way[key] = job
                else:
                    superseded.append(job_id)
        self._cancel(superseded)

    def _cancel(self, job_ids: Sequence[str]) -> None:
        if self._is_slurm and job_ids:
            subprocess.run(["scancel", *job_ids], check=False)  # noqa: S603, S607
        elif job_ids:
            for job_id in job_ids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(job_id), signal.SIGTERM)

    def _note(self) -> None:
        """Write which jobs are under way, for a later process of this command."""
        if self._jobs is not None and self._jobs.parent.is_dir():
            write_json(self._jobs, {"jobs": {key: job.job_id for key, job in self._under_way.items()}}, JOBS)


def _is_local_job(job_id: str) -> bool:
    """Whether this process is a job of submitit's executor for one machine: its number may have been given again."""
    try:
        return b"submitit" in Path("/proc", job_id, "cmdline").read_bytes()
    except OSError:
        return False


def _outcome(job: Any, task: Portable) -> Outcome[Any, Any] | None:
    """What became of a job that is over; None, and what it has printed is kept, if it has not come to its end."""
    if not job.paths.result_pickle.exists() or job.exception() is not None:
        return None
    result: Outcome[str, Any] | Exception = job.result()
    for path in (job.paths.submitted_pickle, job.paths.result_pickle, job.paths.stdout, job.paths.stderr):
        path.unlink(missing_ok=True)
    if isinstance(result, Exception):
        raise result
    return Outcome(task, result.result, result.died, result.timed_out)


def _loss(job: Any) -> str:
    said = _last_line(job.stderr() or "")
    why = f"Its SLURM job {job.job_id} ended without a result ({job.state})"
    return f"{why}{said and f': {said}'}; see {job.paths.stderr}."


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip(" -\t")]
    return lines[-1] if lines else ""


@cache
def _submitit() -> Any:
    return extra("submitit", "slurm")
