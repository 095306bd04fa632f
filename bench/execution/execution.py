"""Where and how trials run: workers, threads, device, back end and time limit."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from bench import plugins
from bench.errors import OptionError
from bench.execution.backend import Backend, Workers
from bench.execution.warm_up import warm_up
from bench.values.numerals import is_number, whole_number
from bench.values.texts import quoted

MOST_WORKERS = 1024  # and threads of each; no machine benefits from more, and most fail to start them
NVIDIA_DRIVER = Path("/proc/driver/nvidia")
GRACE = 10.0  # seconds beyond the time limit, after which a worker is killed: it may be in the middle of an update


@dataclass(frozen=True)
class Execution:
    """Where and how trials run; none of it changes a result.

    ``jobs`` is the number of trials at once; 0 means one per core, divided by ``threads``, or ``per_device`` per CUDA
    device, or as many as a cluster has room for.  ``device`` is ``auto`` or a comma-separated list of names
    (``cuda:0,cuda:1``): each trial holds one of these, and at most ``per_device`` trials share a device.  ``backend``
    is the name of a back end, with its options in brackets, or the path of a file that defines one.  ``timeout`` is in
    seconds: a trial that takes longer stops after its current update, or is stopped GRACE seconds later.
    ``checkpoint`` is the time in seconds between two checkpoints of a trial, which is the most that a crash can cost.
    Raises OptionError if a value is out of range, and UnknownName or PluginError if there is no such back end.

    >>> Execution(jobs=2, threads=4).workers.count
    2
    """

    jobs: int = 0
    threads: int = 1
    device: str = "auto"
    backend: str = "loky"
    timeout: float | None = None
    checkpoint: float = 15.0
    per_device: int = 1

    def __post_init__(self) -> None:
        """Refuse impossible values, naming the option."""
        for name, least in (("jobs", 0), ("threads", 1), ("per_device", 1)):
            number = whole_number(getattr(self, name))
            if number is None or not least <= number <= MOST_WORKERS:
                given = quoted(getattr(self, name))
                raise OptionError(f"`{name}` must be an integer from {least} to {MOST_WORKERS} (got {given}).")
            object.__setattr__(self, name, number)
        for name, seconds in (("timeout", self.timeout), ("checkpoint", self.checkpoint)):
            if seconds is not None and not (is_number(seconds) and 0 < seconds < math.inf):
                raise OptionError(f"`{name}` must be a number above 0, in seconds (got {quoted(seconds)}).")
        if not isinstance(self.device, str):
            raise OptionError(f"`device` must be text such as auto or cpu (got {quoted(self.device)}).")
        plugins.resolve("backend", self.backend)

    @cached_property
    def is_remote(self) -> bool:
        """Whether trials run on other machines than this one."""
        return bool(plugins.resolve("backend", self.backend)[0].load().is_remote)

    @cached_property
    def jobs_at_once(self) -> int | None:
        """The number of trials that run at once on a machine; None if a cluster decides."""
        return None if self.is_remote else self.workers.count

    @cached_property
    def has_several_devices(self) -> bool:
        """Whether trials may run on different devices, as far as that is known here."""
        from bench import devices

        return self.is_remote or len(devices.device_names(self.device)) > 1

    def start(self, num_tasks: int) -> Backend:
        """Return the back end, with workers already starting for this many tasks; use it in a ``with`` statement.

        Call it before anything that takes time, since the workers import PyTorch in the meantime.
        """
        reference, settings = plugins.resolve("backend", self.backend)
        backend: Backend = reference.load()(**settings)
        count = min(num_tasks, self.jobs or self._likely_jobs())
        if count > 0:
            backend.prepare(self._workers(count))
        return backend

    @cached_property
    def workers(self) -> Workers:
        """The workers: ``jobs`` of them, or as many as the cores or devices allow.

        Raises OptionError for a device that this machine lacks, and if there are more ``jobs`` than the devices allow.
        """
        from bench import devices

        if self.is_remote:  # only its machines know which devices there are
            devices.check(self.device)
            return self._workers(self.jobs or MOST_WORKERS)
        names = devices.device_names(self.device)
        if names == ["cpu"]:
            if self.per_device > 1:
                raise OptionError(
                    f"`jobs_per_device` is for GPUs, and here it is the CPU (got {self.per_device}): use --jobs."
                )
            return self._workers(self.jobs or self._jobs_by_cores())
        places = len(names) * self.per_device
        if self.jobs > places:
            needed, where = -(-self.jobs // len(names)), ", ".join(names)
            raise OptionError(
                f"`jobs` must be at most {places} on {where}, of which each takes {self.per_device} at a time "
                f"(got {self.jobs}): leave it out, or set --jobs-per-device {needed}."
            )
        return self._workers(self.jobs or places)

    def _workers(self, count: int) -> Workers:
        limit = plugins.resolve("backend", self.backend)[0].load().max_workers
        return Workers(
            count if limit is None else min(count, limit),
            self.threads,
            warm_up,
            None if self.timeout is None else self.timeout + GRACE,
        )

    def _likely_jobs(self) -> int:
        """Return the likely number of jobs, as far as it can be known without importing PyTorch."""
        return 1 if self.device != "cpu" and NVIDIA_DRIVER.exists() else self._jobs_by_cores()

    def _jobs_by_cores(self) -> int:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, cores // self.threads)
