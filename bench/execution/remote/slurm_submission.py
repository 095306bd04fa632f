"""Submitting jobs by submitit, with the options that users give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from bench.errors import OptionError
from bench.execution.backend import Workers
from bench.execution.remote.backend import RemoteOptions
from bench.execution.remote.job import Job
from bench.execution.remote.slurm_jobs import SubmittedJob, last_line, submitit
from bench.execution.worker_process import signals_blocked
from bench.options import option

REQUEUES = 1000  # of a job at its time limit; each continues where the last one stopped
SIGNAL_SECONDS = 60  # between SLURM's warning and the end of a job


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


def executor_for(folder: Path, options: SlurmOptions, workers: Workers) -> Any:
    """Return an executor that submits jobs with these options, which have submitit's names."""
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


def submit(executor: Any, jobs: Sequence[Job], parallel: int) -> Sequence[SubmittedJob]:
    """Submit jobs as one array, of which at most ``parallel`` run at once; raises OptionError if SLURM refuses them."""
    submitted = []
    executor.update_parameters(slurm_array_parallelism=parallel)
    try:
        with signals_blocked(), executor.batch():  # Ctrl-C in a terminal must not reach the jobs
            submitted += [executor.submit(job) for job in jobs]
    except submitit().core.utils.FailedJobError as error:
        raise OptionError(f"SLURM refuses the jobs; correct `backend`. It says: {last_line(str(error))}") from error
    return submitted
