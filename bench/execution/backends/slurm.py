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
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

from bench.errors import Damaged, OptionError
from bench.execution.backend import Backend, Outcome, ResultT, TaskT, Workers
from bench.execution.portable import Portable
from bench.execution.remote import slurm_note
from bench.execution.remote.arrays import Throttles, split
from bench.execution.remote.backend import ATTEMPTS, SILENT_SECONDS, RemoteBackend, digest, in_use
from bench.execution.remote.job import Job
from bench.execution.remote.payload import FileIndex
from bench.execution.remote.slurm_jobs import SubmittedJob, cancel, let_go, loss, outcome_of, submitit, wait_for
from bench.execution.remote.slurm_note import Note, folder_of
from bench.execution.remote.slurm_submission import SIGNAL_SECONDS, SlurmOptions, executor_for, submit
from bench.execution.remote.versions import versions

LOCKS = "locks"  # in the folder of the jobs: one for each trial
SECONDS_BETWEEN_LOOKS = 0.5
LATE_SECONDS = 15.0
END_SECONDS = 3.0  # for a process to finish after it has written its result
STOP_SECONDS = 8.0  # for jobs to save their state; the command has ten seconds to end

logger = logging.getLogger(__name__)


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
        self._folder: Path | None = None  # of the jobs, once there is a task
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
    def left_under_way(cls, root: Path, used: Backend | None) -> str:
        """See `Backend.left_under_way`; on a machine without SLURM, its jobs are unknown."""
        folder = folder_of(root)
        try:
            note = slurm_note.read(folder)
        except Damaged:
            return ""
        if note is None or (isinstance(used, cls) and used.options.cluster == note.cluster):
            return ""
        if note.is_of_slurm and not (find_spec("submitit") and shutil.which("sacct")):
            return ""
        backend = "slurm" if note.is_of_slurm else "'slurm[cluster=local]'"
        return in_use("in SLURM jobs", len(note.under_way(folder)), backend)

    def adopt(self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers) -> Sequence[TaskT]:
        """See `Backend.adopt`: jobs with other settings are cancelled.

        On a machine without SLURM, all jobs are cancelled and save their state.  A cancelled job holds the lock of its
        trial until it has ended.
        """
        if not tasks or not all(isinstance(task, Portable) for task in tasks):
            return ()
        self.prepare(workers)
        by_key = self._tasks(function, cast(Sequence[Portable], tasks))
        self._folder = folder = folder_of(cast(Portable, tasks[0]).files.root)
        note = slurm_note.read(folder)
        if note is None or note.cluster != self.options.cluster:
            return ()
        superseded = []
        known = note.under_way(folder)
        for key, job_id in note.jobs.items():
            if job_id not in known:
                continue
            if self._is_slurm and key in by_key:
                self._under_way[key] = submitit().SlurmJob(folder, job_id)
            else:
                superseded.append(job_id)
        self._throttles = Throttles(dict(note.arrays))
        cancel(superseded, is_slurm=self._is_slurm)
        if superseded:
            wait_for([_lock(folder, task) for key, task in by_key.items() if key not in self._under_way], STOP_SECONDS)
        self._note()
        return [cast(TaskT, by_key[key]) for key in self._under_way]

    def run_remotely(
        self, function: Callable[[Any], Any], tasks: Sequence[Portable], workers: Workers
    ) -> Iterator[Outcome[Any, Any]]:
        """See `RemoteBackend.run_remotely`."""
        folder = folder_of(tasks[0].files.root)
        (folder / LOCKS).mkdir(parents=True, exist_ok=True)
        self.adopt(function, tasks, workers)
        executor = executor_for(folder, self.options, workers)
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
        """Whether its result is available or will never be: it may appear late on another machine's disk."""
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

    def _tasks(self, function: Callable[..., Any], tasks: Sequence[Portable]) -> dict[str, Portable]:
        """Return the tasks by keys that any process of the same command computes, given the same code and files."""
        index = FileIndex()
        by_key = {}
        for task in tasks:
            files = [index.refs(named) for named in task.files.inputs]
            by_key[digest(function.__qualname__, repr(task), repr(files), repr(versions()))] = task
        return by_key

    def _batches(self, waiting: deque[str], workers: Workers) -> Iterator[tuple[list[str], int]]:
        """Yield batches to submit now, removed from ``waiting``: keys, and how many of these may run at once."""
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

    def _submit(self, executor: Any, jobs: dict[str, Job], parallel: int) -> None:
        """Submit jobs as one array, of which at most ``parallel`` run at once."""
        submitted = submit(executor, list(jobs.values()), parallel)
        self._under_way |= dict(zip(jobs, submitted, strict=True))
        self._throttles.add(submitted[0].job_id, parallel)
        self._note()

    def _note(self) -> None:
        """Record which jobs are running, for a later process of this command."""
        if self._folder is not None:
            jobs = {key: job.job_id for key, job in self._under_way.items()}
            Note(self.options.cluster, jobs, self._throttles.of(self._job_ids())).write(self._folder)


def _lock(folder: Path, task: Portable) -> Path:
    return folder / LOCKS / digest(str(task.files.folder))
