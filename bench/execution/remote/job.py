"""A task as a job of a batch system, whose machines share the disk of the run folder."""

from __future__ import annotations

import pickle
import signal
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock

from bench import plugins
from bench.errors import BenchError
from bench.execution.backend import Backend, Outcome, Workers
from bench.execution.remote.versions import Versions, versions


class ToldToEnd(BenchError):
    """The job has received SIGTERM."""


@dataclass
class Job:
    """A ``call`` of a function on a task, both pickled, on a node, in a separate process that ends before the job.

    Only that process imports what they need.  Versions that differ from ``versions``, if given, are refused.  Two jobs
    of the same task take turns by means of their ``lock``, since one may have been considered lost.  A job that
    receives SIGTERM saves its state and waits for ``patience`` seconds, in which SLURM may requeue or kill it.
    """

    name: str
    call: bytes
    workers: Workers
    versions: Versions | None
    lock: Path
    patience: float

    def __call__(self) -> Outcome[str, Any] | Exception:
        """Called by submitit; an exception of the function is returned."""
        differences = self.versions.differences(versions()) if self.versions is not None else []
        if differences:
            why = f"A node has other versions than this machine: {', '.join(differences)}"
            return Outcome(self.name, died=f"{why}. Install the same there, or allow them: versions=any.")
        self.here: Backend = plugins.find("backend")["loky"].load()()
        signal.signal(signal.SIGTERM, _on_terminate)
        try:
            with FileLock(self.lock), self.here:
                (outcome,) = self.here.run(_call, [self.call], replace(self.workers, count=1))
        except ToldToEnd:
            time.sleep(self.patience)
            raise
        except Exception as error:  # noqa: BLE001  # of the task's function
            return error
        return Outcome(self.name, outcome.result, outcome.died, outcome.timed_out)

    def checkpoint(self) -> Any:
        """Called by submitit, in `__call__`, before the job is queued again: the same, which finds what there is."""
        from submitit.helpers import DelayedSubmission

        self.here.stop()
        return DelayedSubmission(replace(self))


def _on_terminate(*_: object) -> None:
    raise ToldToEnd("Told to end by SIGTERM.")


def _call(call: bytes) -> Any:
    function, task = pickle.loads(call)  # noqa: S301
    return function(task)
