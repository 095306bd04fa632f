"""Where the run folder is: keeps what tasks on other machines write, and answers what they ask."""

from __future__ import annotations

import hashlib
import logging
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.execution.backend import Outcome
from bench.execution.luggage import Portable
from bench.execution.remote.parcel import Shelf
from bench.execution.remote.post import Answer, Begun, Ended, Message, Wanted, Written
from bench.execution.remote.versions import versions
from bench.store.files import write_bytes

logger = logging.getLogger(__name__)


@dataclass
class Home:
    """The tasks that are away, by their keys; ``answer`` sends an answer to an attempt at one of them.

    If ``refuse_versions``, a machine with other versions than this one gets no task: its trials could differ.
    """

    answer: Callable[[str, Answer], None]
    shelf: Shelf
    refuse_versions: bool = True
    away: dict[str, Portable] = field(default_factory=dict)
    attempts: dict[str, str] = field(default_factory=dict)
    machines: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)  # attempts on machines with other versions
    turned_away: set[str] = field(default_factory=set)  # tasks that such a machine was given, until they are again
    unfit: set[str] = field(default_factory=set)  # these machines
    is_stopping: bool = False

    def receive(self, message: Message) -> Outcome[Any, Any] | None:
        """Act on a message; returns the outcome of its task if that has ended.

        Only the last attempt at a task counts: an earlier one, whose node was thought lost, is told to end.
        """
        task = self.away.get(message.key)
        if message.attempt in self.refused:
            return None
        if task is None:  # it has ended, or belongs to another run
            self._refuse(message, "this task is not wanted any more")
            return None
        if isinstance(message, Begun):
            return self._begun(message, task)
        if self.attempts.setdefault(message.key, message.attempt) != message.attempt:
            self._refuse(message, "another attempt has begun")
        elif isinstance(message, Wanted):
            content = self.shelf.content(message.sha256)
            missing = "a file that the task needs has changed since it was sent"
            self.answer(
                message.attempt, Answer(refusal=missing) if content is None else Answer({message.sha256: content})
            )
        elif isinstance(message, Written):
            _keep(message, task)
        elif isinstance(message, Ended):
            return self._ended(message, task)
        return None

    def lost(self, key: str, why: str) -> Outcome[Any, Any] | None:
        """The engine has given a task up."""
        task = self.away.pop(key, None)
        return Outcome(task, died=why) if task is not None else None

    def _begun(self, message: Begun, task: Portable) -> Outcome[Any, Any] | None:
        differences = versions().differences(message.versions)
        if differences and self.refuse_versions:
            why = f"{message.machine} has other versions than this machine: {', '.join(differences)}"
            self.answer(message.attempt, Answer(refusal=why, unfit=True))
            self.refused.add(message.attempt)
            self.turned_away.add(message.key)
            if message.machine not in self.unfit:
                self.unfit.add(message.machine)
                logger.warning("Warning: %s. It gets no trial: install the same there, or say versions=any.", why)
            return self.lost(message.key, f"{why}. Install the same there, or allow them: versions=any.")
        self.attempts[message.key] = message.attempt
        self.machines[message.key] = message.machine
        self.answer(message.attempt, Answer(_contents(_folder(task))))
        return None

    def _ended(self, message: Ended, task: Portable) -> Outcome[Any, Any] | None:
        if message.stopped and not self.is_stopping:  # at the wish of an earlier process of this command
            self.answer(message.attempt, Answer())
            self.refused.add(message.attempt)
            self.attempts.pop(message.key, None)
            return self.lost(message.key, "It was stopped before this command began.")
        missing = _missing(message.manifest, task) if message.manifest is not None else ()
        self.answer(message.attempt, Answer(missing=missing))
        if missing:
            return None
        del self.away[message.key]
        if message.raised:
            raise pickle.loads(message.raised)  # noqa: S301
        result = pickle.loads(message.result) if message.result else None  # noqa: S301
        return Outcome(task, result, died=message.died, timed_out=message.timed_out)

    def _refuse(self, message: Message, why: str) -> None:
        if isinstance(message, (Begun, Wanted, Ended)):
            self.answer(message.attempt, Answer(refusal=why))


def _folder(task: Portable) -> Path:
    luggage = task.luggage
    return luggage.root / luggage.folder


def _contents(folder: Path) -> Mapping[str, bytes]:
    files = sorted(folder.glob("[!.]*")) if folder.is_dir() else []
    return {path.name: path.read_bytes() for path in files if path.is_file()}


def _keep(message: Written, task: Portable) -> None:
    """Write what has come, in its order; names with folders in them are none of a task's."""
    folder, last = _folder(task), task.luggage.last
    folder.mkdir(parents=True, exist_ok=True)
    for name in message.removed:
        if _is_plain(name):
            (folder / name).unlink(missing_ok=True)
    for name, content in message.contents.items():
        if _is_plain(name):
            write_bytes(folder / name, content, synced=name == last)


def _missing(manifest: Mapping[str, str], task: Portable) -> tuple[str, ...]:
    """What has not come home, since an earlier process of this command had a message; what is gone is removed."""
    folder = _folder(task)
    here = {name: hashlib.sha256(content).hexdigest() for name, content in _contents(folder).items()}
    for name in here.keys() - manifest.keys():
        (folder / name).unlink(missing_ok=True)
    return tuple(name for name, digest in manifest.items() if here.get(name) != digest)


def _is_plain(name: str) -> bool:
    return bool(name) and Path(name).name == name and not name.startswith(".") and not {"\0", "\\"} & {*name}
