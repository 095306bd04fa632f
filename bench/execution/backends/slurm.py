"""Jobs of a SLURM cluster."""

from __future__ import annotations

import logging
import math
import os
import pickle
import shutil
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, cast

from bench.errors import Damaged, OptionError
from bench.execution.backend import Backend, Outcome, ResultT, TaskT, Workers
from bench.execution.portable import Portable
from bench.execution.remote.arrays import Throttles, split
from bench.execution.remote.backend import ATTEMPTS, SILENT_SECONDS, RemoteBackend, RemoteOptions, digest, in_use
from bench.execution.remote.job import Job
from bench.execution.remote.payload import FileIndex
from bench.execution.remote.slurm_jobs import (
    SubmittedJob,
    cancel,
    last_line,
    let_go,
    loss,
    outcome_of,
    submitit,
    under_way,
    wait_for,
)
from bench.execution.remote.versions import versions
from bench.execution.worker_process import signals_blocked
from bench.options import option
from bench.store.files import read_json, write_json

FOLDER = "slurm"  # in the run folder: jobs, and what they print
LOCKS = "locks"  # in it: one for each trial
JOBS = "jobs.json"  # in it: the jobs that are submitted, by the keys of their tasks
REQUEUES = 1000  # of a job at its time limit; each goes on where the last stopped
SIGNAL_SECONDS = 60  # between SLURM's warning and the end of a job
SECONDS_BETWEEN_LOOKS = 0.5
LATE_SECONDS = 15.0
END_SECONDS = 3.0  # for what a process does after it has written its result
STOP_SECONDS = 8.0  # until jobs have kept what they have; the command has ten to end in

logger = logging.getLogger(__name__)


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
        self._under_way: dict[str, SubmittedJob] = {}  # by the keys of their tasks
        self._ended: dict[str, float] = {}  # when they were seen to have ended without a result
        self._jobs: Path | None = None
        self._throttles = Throttles()

    def connect(self) -> None:
        """See `RemoteBackend.connect`."""
        submitit()
        if self._is_slurm and shutil.which("srun") is None:
            raise OptionError(
                "`backend` slurm needs the programs of SLURM, and there is no srun here: run this on a login node of "
                "the cluster, or try it without SLURM: --backend 'slurm[cluster=local]'."
            )

    @classmethod
    def left_under_way(cls, root: Path, used: Backend) -> str:
        """See `Backend.left_under_way`; where there is no SLURM, its jobs are not known of."""
        folder = (root / FOLDER).absolute()
        if not (folder / JOBS).exists():
            return ""
        try:
            note = read_json(folder / JOBS, JOBS)
        except Damaged:
            return ""
        is_slurm = note["cluster"] == "slurm"
        goes_on = isinstance(used, cls) and used.options.cluster == note["cluster"]
        if goes_on or (is_slurm and not (find_spec("submitit") and shutil.which("sacct"))):
            return ""
        number = len(under_way(folder, list(note["jobs"].values()), is_slurm=is_slurm))
        return in_use("in SLURM jobs", number, "slurm" if is_slurm else "'slurm[cluster=local]'")

    def adopt(self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers) -> Sequence[TaskT]:
        """See `Backend.adopt`: jobs of other settings are cancelled.

        On this machine without SLURM all are: they keep what they have.  A job that is told to end holds the lock of
        its trial until it has.
        """
        if not tasks or not all(isinstance(task, Portable) for task in tasks):
            return ()
        self.prepare(workers)
        by_key = self._tasks(function, cast(Sequence[Portable], tasks))
        folder = self._folder(cast(Portable, tasks[0]))
        if not (folder / JOBS).exists():
            return ()
        superseded = []
        note = read_json(folder / JOBS, JOBS)
        known = under_way(folder, list(note["jobs"].values()), is_slurm=self._is_slurm)
        for key, job_id in note["jobs"].items():
            if job_id not in known:
                continue
            if self._is_slurm and key in by_key:
                self._under_way[key] = submitit().SlurmJob(folder, job_id)
            else:
                superseded.append(job_id)
        self._throttles = Throttles(dict(note.get("arrays", {})))
        cancel(superseded, is_slurm=self._is_slurm)
        if superseded:
            wait_for([_lock(folder, task) for key, task in by_key.items() if key not in self._under_way], STOP_SECONDS)
        self._note()
        return [cast(TaskT, by_key[key]) for key in self._under_way]

    def run_remotely(
        self, function: Callable[[Any], Any], tasks: Sequence[Portable], workers: Workers
    ) -> Iterator[Outcome[Any, Any]]:
        """See `RemoteBackend.run_remotely`."""
        folder = self._folder(tasks[0])
        (folder / LOCKS).mkdir(parents=True, exist_ok=True)
        self.adopt(function, tasks, workers)
        executor = self._executor(folder, workers)
        required = versions() if self.options.versions == "same" else None
        by_key = self._tasks(function, tasks)
        patience = 2 * SIGNAL_SECONDS if self._is_slurm else 0.0
        jobs = {}
        for key, task in by_key.items():
            call = pickle.dumps((function, task))
            jobs[key] = Job(str(task.files.folder), call, workers, required, _lock(folder, task), patience)
        waiting = deque(key for key in jobs if key not in self._under_way)
        attempts = dict.fromkeys(jobs, 1)
        silent_until = time.monotonic() + SILENT_SECONDS
        while waiting or self._under_way:
            for keys, parallel in self._batches(waiting, workers):
                self._submit(executor, {key: jobs[key] for key in keys}, parallel)
            for key, job in [each for each in self._under_way.items() if self._is_over(*each)]:
                del self._under_way[key]
                let_go(job, END_SECONDS)
                outcome = outcome_of(job, by_key[key])
                if outcome is None and attempts[key] < ATTEMPTS:
                    attempts[key] += 1
                    waiting.append(key)
                    continue
                self._note()
                yield outcome or Outcome(by_key[key], died=loss(job))
            if self._under_way:
                if time.monotonic() > silent_until:
                    silent_until = math.inf
                    self._explain_silence()
                time.sleep(SECONDS_BETWEEN_LOOKS)

    def withdraw(self) -> None:
        """See `RemoteBackend.withdraw`."""
        if not self._under_way:
            return
        jobs = list(self._under_way.values())
        cancel([job.job_id for job in jobs], is_slurm=self._is_slurm)
        deadline = time.monotonic() + STOP_SECONDS
        while not all(job.done(force_check=job is jobs[0]) for job in jobs) and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_LOOKS)
        for job in jobs:
            let_go(job, 0 if not job.done() else END_SECONDS)
        self._under_way = {}
        self._note()

    def _is_over(self, key: str, job: SubmittedJob) -> bool:
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

    def _folder(self, task: Portable) -> Path:
        """The folder of the jobs, in the run folder."""
        folder = (task.files.root / FOLDER).absolute()
        self._jobs = folder / JOBS
        return folder

    def _tasks(self, function: Callable[..., Any], tasks: Sequence[Portable]) -> dict[str, Portable]:
        """The tasks by keys that another process of the same command computes too, given the same code and files."""
        index = FileIndex()
        by_key = {}
        for task in tasks:
            files = [index.refs(named) for named in task.files.inputs]
            by_key[digest(function.__qualname__, repr(task), repr(files), repr(versions()))] = task
        return by_key

    def _batches(self, waiting: deque[str], workers: Workers) -> Iterator[tuple[list[str], int]]:
        """Batches to submit now, taken out of ``waiting``: keys, and how many of these may run at once."""
        if not self._is_slurm:
            room = min(workers.count, os.cpu_count() or 1) - len(self._under_way)
            if waiting and room > 0:
                yield [waiting.popleft() for _ in range(min(room, len(waiting)))], room
            return
        while waiting and (room := self._throttles.room(workers.count, self._job_ids())) > 0:
            number, parallel = split(len(waiting), room)
            yield [waiting.popleft() for _ in range(number)], parallel

    def _job_ids(self) -> list[str]:
        return [job.job_id for job in self._under_way.values()]

    def _explain_silence(self) -> None:
        """Say so if no job has begun."""
        states = [job.state.split()[0] for job in self._under_way.values()] if self._is_slurm else []
        if states and set(states) == {"PENDING"}:
            logger.warning("No SLURM job of this run has started yet: %d pending. squeue --me says why.", len(states))

    def _executor(self, folder: Path, workers: Workers) -> Any:
        """Submits jobs with these options, which are named as submitit names them."""
        options = self.options
        executor = submitit().AutoExecutor(folder, cluster=options.cluster, slurm_max_num_timeout=REQUEUES)
        executor.update_parameters(
            name="bench",
            timeout_min=options.minutes,
            cpus_per_task=workers.threads,
            slurm_signal_delay_s=SIGNAL_SECONDS,
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

    def _submit(self, executor: Any, jobs: dict[str, Job], parallel: int) -> None:
        """Submit jobs as one array, of which at most ``parallel`` run at once."""
        submitted = []
        executor.update_parameters(slurm_array_parallelism=parallel)
        try:
            with signals_blocked(), executor.batch():  # a terminal's Ctrl-C is none of the jobs' business
                submitted += [executor.submit(job) for job in jobs.values()]
        except submitit().core.utils.FailedJobError as error:
            raise OptionError(f"SLURM refuses the jobs; correct `backend`. It says: {last_line(str(error))}") from error
        self._under_way |= dict(zip(jobs, submitted, strict=True))
        self._throttles.add(submitted[0].job_id, parallel)
        self._note()

    def _note(self) -> None:
        """Write which jobs are under way, for a later process of this command."""
        if self._jobs is not None and self._jobs.parent.is_dir():
            jobs = {key: job.job_id for key, job in self._under_way.items()}
            arrays = self._throttles.of(self._job_ids())
            write_json(self._jobs, {"cluster": self.options.cluster, "jobs": jobs, "arrays": arrays}, JOBS)


def _lock(folder: Path, task: Portable) -> Path:
    return folder / LOCKS / task.files.folder.name
