"""The files that a task needs from the disk of its caller, and those that it leaves there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, Self, runtime_checkable

from bench.studies.spec import Choice


@dataclass(frozen=True)
class TaskFiles:
    """The files of a task.

    It reads and writes those in ``root / folder``, and nothing else in ``root``; the file called ``last`` contains the
    state of the task, and is written after the files that it refers to.  ``inputs`` are only read: files and folders
    named by a user, by their path as written in the task.  ``downloads`` are read from the folder for downloads.
    """

    root: Path
    folder: Path
    last: str
    inputs: tuple[str, ...] = ()
    downloads: tuple[Path, ...] = ()


@runtime_checkable
class Portable(Protocol):
    """A task that may run on a machine without access to its caller's disk."""

    @property
    def files(self) -> TaskFiles:
        """Its files."""

    def moved(self, root: Path) -> Self:
        """Return the same task with its folder in another root."""


def user_files(choices: Sequence[Choice]) -> tuple[str, ...]:
    """Return the users' files that define these plugins or that their options name."""
    plugins = [choice.plugin.file for choice in choices if choice.plugin.file]
    values = [str(dict(choice.settings)[name]) for choice in choices for name, _ in choice.located]
    return tuple(dict.fromkeys(each for each in [*plugins, *values] if each))
