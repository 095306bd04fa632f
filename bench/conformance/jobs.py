"""Tasks for the checks of back ends; workers import nothing heavy to run them."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, replace
from pathlib import Path

from bench.execution.portable import TaskFiles

SECONDS = {"takes time": 0.2, "takes long": 12.0, "hangs": 60.0}  # by what a task does
BY_CALLER = "the caller's own process"  # the result of a task that would have harmed it


@dataclass(frozen=True)
class Job:
    """A task with files, which may run on another machine; ``deed`` says what it does, ``caller`` who checks."""

    root: Path
    name: str
    deed: str = "ends"
    caller: str = ""

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


def do(job: Job) -> str:
    """Do a job: it appends to the status that it finds in its folder."""
    if job.deed in ("dies", "takes long", "hangs") and job.caller == this_process():
        return BY_CALLER
    job.folder.mkdir(parents=True, exist_ok=True)
    status = job.folder / "status"
    before = status.read_text(encoding="utf-8") if status.exists() else ""
    (job.folder / "process").write_text(this_process(), encoding="utf-8")
    status.write_text(before + job.name, encoding="utf-8")
    started = time.time()
    if job.deed == "dies":
        os._exit(3)
    time.sleep(SECONDS.get(job.deed, 0.0))
    return f"{started} {time.time()}" if job.deed == "takes time" else job.name


def this_process() -> str:
    """The machine and the number of this process."""
    return f"{platform.node()} {os.getpid()}"
