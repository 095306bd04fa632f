"""Base class of the back ends whose tasks run on other machines."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, Literal, cast

from bench import plugins
from bench.errors import OptionError
from bench.execution.backend import Backend, Outcome, ResultT, TaskT, Workers
from bench.execution.portable import Portable
from bench.options import option

ATTEMPTS = 2  # at a task whose process dies: the task may not be the cause
SILENT_SECONDS = 10.0  # after which the user is informed why nothing happens


@dataclass(frozen=True)
class RemoteOptions:
    """Options that all remote back ends have."""

    versions: Literal["same", "any"] = option(
        "same", "machines with other versions of Python, torch, numpy or bench: same refuses them, any allows them"
    )


class RemoteBackend(Backend):
    """Runs `Portable` tasks on other machines, and all others, such as those of planning, on this one."""

    Options = RemoteOptions
    is_remote = True

    def __init__(self, **settings: object) -> None:
        """Nothing is connected yet."""
        super().__init__(**settings)
        self._local: Backend = plugins.find("backend")["loky"].load()()
        self.is_connected = False

    @abstractmethod
    def connect(self) -> None:
        """Connect to the engine; raises OptionError if it is not installed or cannot be reached."""

    @abstractmethod
    def run_remotely(
        self, function: Callable[[Any], Any], tasks: Sequence[Portable], workers: Workers
    ) -> Iterator[Outcome[Any, Any]]:
        """Like `run`, for one or more portable tasks with the same root, after the engine has been connected."""

    @abstractmethod
    def withdraw(self) -> None:
        """Stop the running tasks, if any, and withdraw those that have not begun."""

    def disconnect(self) -> None:
        """Disconnect from the engine."""

    def run(
        self, function: Callable[[TaskT], ResultT], tasks: Sequence[TaskT], workers: Workers
    ) -> Iterator[Outcome[TaskT, ResultT]]:
        """See `Backend.run`."""
        if not all(isinstance(task, Portable) for task in tasks):
            yield from self._local.run(function, tasks, replace(workers, count=min(workers.count, 2)))
        elif tasks:
            self.prepare(workers)
            yield from self.run_remotely(function, cast(Sequence[Portable], tasks), workers)

    def prepare(self, workers: Workers) -> None:
        """See `Backend.prepare`: connects to the engine, and starts no process."""
        if not self.is_connected:
            self.connect()
            self.is_connected = True

    def stop(self) -> None:
        """See `Backend.stop`."""
        self.withdraw()
        if self.is_connected:
            self.is_connected = False
            self.disconnect()
        self._local.stop()


def digest(*parts: str) -> str:
    """Return a hash of the parts, as 20 hexadecimal digits.

    >>> digest("a", "b") == digest("a", "b"), len(digest("a")), digest("ab") == digest("a", "b")
    (True, 20, False)
    """
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]


def extra(module: str, backend: str) -> Any:
    """Import a module that a back end needs and an extra of the package installs; raises OptionError without it."""
    try:
        return import_module(module)
    except ImportError as error:
        raise OptionError(
            f"`backend` {backend} needs the package {module}: pip install 'aevb-bench[{backend}]'."
        ) from error


def in_use(place: str, number: int, backend: str) -> str:
    """Return the sentence for `Backend.left_under_way`.

    >>> in_use("in SLURM jobs", 2, "slurm")
    '2 trials are under way in SLURM jobs; --backend slurm continues them, and Ctrl-C then stops them'
    """
    who = "1 trial is" if number == 1 else f"{number} trials are"
    them = "it" if number == 1 else "them"
    continued = f"--backend {backend} continues {them}, and Ctrl-C then stops {them}"
    return f"{who} under way {place}; {continued}" if number else ""
