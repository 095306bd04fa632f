"""Jobs that are submitted: on SLURM, or as processes of this machine by the same library."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock, Timeout

from bench.execution.backend import Outcome
from bench.execution.portable import Portable
from bench.execution.remote.backend import extra

UNDER_WAY = {"PENDING", "RUNNING", "REQUEUED", "COMPLETING", "PREEMPTED", "SUSPENDED", "CONFIGURING", "READY"}


class JobPaths(Protocol):
    """The files of a job."""

    submitted_pickle: Path
    result_pickle: Path
    stdout: Path
    stderr: Path


class SubmittedJob(Protocol):
    """The part of a submitit job that is used here; the library need not be installed."""

    job_id: str
    state: str
    paths: JobPaths

    def done(self, *, force_check: bool = False) -> bool:
        """Whether it has ended; SLURM is queried occasionally, or immediately if ``force_check`` is set."""

    def exception(self) -> Exception | None:
        """Return why there is no result; None if there is one."""

    def result(self) -> Any:
        """Return the result of the function, or raise its exception."""

    def stderr(self) -> str | None:
        """Return its error stream so far; None if it has not begun."""


def under_way(folder: Path, job_ids: Sequence[str], *, is_slurm: bool) -> set[str]:
    """Return the ids of those jobs from this folder that have not ended, with a single query to SLURM."""
    if not is_slurm:
        return set(filter(_is_local_job, job_ids))
    jobs = {job_id: submitit().SlurmJob(folder, job_id) for job_id in job_ids}
    for job in list(jobs.values())[:1]:
        job.watcher.update()
    return {
        job_id for job_id, job in jobs.items() if job.watcher.get_state(job_id, mode="cache").split()[0] in UNDER_WAY
    }


def _is_local_job(job_id: str) -> bool:
    """Whether this process id belongs to a job of submitit's local executor: the id may have been reused."""
    try:
        return b"submitit" in Path("/proc", job_id, "cmdline").read_bytes()
    except OSError:
        return False


def cancel(job_ids: Sequence[str], *, is_slurm: bool) -> None:
    """Cancel these jobs; they save their state."""
    if is_slurm and job_ids:
        subprocess.run(["scancel", *job_ids], check=False)  # noqa: S603, S607
    elif job_ids:
        for job_id in job_ids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(job_id), signal.SIGTERM)


_left: list[SubmittedJob] = []  # jobs whose processes continue: Python warns if their objects are deleted


def let_go(job: SubmittedJob, patience: float) -> None:
    """Wait until the process of a job on this machine has ended, or for ``patience`` seconds."""
    process = getattr(job, "_process", None)  # submitit has no public name for it; a SLURM job has none
    if process is not None:
        try:
            process.wait(patience)
        except subprocess.TimeoutExpired:
            _left.append(job)


def wait_for(locks: Sequence[Path], patience: float) -> None:
    """Wait until no job holds any of the locks, or for ``patience`` seconds."""
    deadline = time.monotonic() + patience
    for path in locks:
        with contextlib.suppress(Timeout), FileLock(path).acquire(timeout=max(0.0, deadline - time.monotonic())):
            pass


def outcome_of(job: SubmittedJob, task: Portable) -> Outcome[Any, Any] | None:
    """Return the outcome of an ended job; None if it has no result, in which case its output files are kept."""
    if not job.paths.result_pickle.exists() or job.exception() is not None:
        return None
    result: Outcome[str, Any] | Exception = job.result()
    for path in (job.paths.submitted_pickle, job.paths.result_pickle, job.paths.stdout, job.paths.stderr):
        path.unlink(missing_ok=True)
    if isinstance(result, Exception):
        raise result
    return Outcome(task, result.result, result.died, result.timed_out)


def loss(job: SubmittedJob) -> str:
    """Return why a job has no result, and where to read more."""
    said = last_line(job.stderr() or "")
    why = f"Its SLURM job {job.job_id} ended without a result ({job.state})"
    return f"{why}{said and f': {said}'}; see {job.paths.stderr}."


def last_line(text: str) -> str:
    """Return the last non-empty line."""
    lines = [line.strip() for line in text.splitlines() if line.strip(" -\t")]
    return lines[-1] if lines else ""


@cache
def submitit() -> Any:
    """Import the library; raises OptionError if it is not installed."""
    return extra("submitit", "slurm")
