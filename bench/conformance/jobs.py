"""Tasks for the checks of back ends; workers import nothing heavy to run them."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench.execution.portable import TaskFiles

BY_CALLER = "the caller's own process"  # the result of a task that would have harmed it


@dataclass(frozen=True)
class Job:
    """A task with files, which may run on another machine.

    It takes some ``seconds``; one that ``is_deadly`` ends its process.  ``caller`` identifies the process that runs the
    checks.
    """

    root: Path
    name: str
    caller: str
    seconds: float = 0.0
    is_deadly: bool = False

    @property
    def files(self) -> TaskFiles:
        """Its files."""
        return TaskFiles(self.root, Path("trials", self.name), "status")

    @property
    def folder(self) -> Path:
        """The folder of its files."""
        return self.root / self.files.folder

    def moved(self, root: Path) -> Job:
        """The same with another root."""
        return replace(self, root=root)


@dataclass(frozen=True)
class Done:
    """The result of a job: its name, and the times at which it began and ended."""

    name: str
    began: float
    ended: float


def run_job(job: Job) -> Done:
    """Run a job, which appends its name to the status that it finds in its folder."""
    began = time.time()
    if this_process() == job.caller and (job.is_deadly or job.seconds > 1):
        return Done(BY_CALLER, began, began)
    job.folder.mkdir(parents=True, exist_ok=True)
    status = job.folder / "status"
    before = status.read_text(encoding="utf-8") if status.exists() else ""
    (job.folder / "process").write_text(this_process(), encoding="utf-8")
    status.write_text(before + job.name, encoding="utf-8")
    if job.is_deadly:
        os._exit(3)
    time.sleep(job.seconds)
    return Done(job.name, began, time.time())


def this_process() -> str:
    """The machine and the number of this process."""
    return f"{platform.node()} {os.getpid()}"
