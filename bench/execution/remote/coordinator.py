"""Coordinator on the machine of the run folder: stores what tasks on other machines write, and answers them."""

from __future__ import annotations

import hashlib
import logging
import pickle
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.errors import StoreError
from bench.execution.backend import Outcome
from bench.execution.portable import Portable
from bench.execution.remote.messages import Answer, Begun, Ended, FileRequested, Message, Signal, Written
from bench.execution.remote.payload import FileIndex
from bench.execution.remote.versions import versions
from bench.store.files import write_bytes
from bench.values.texts import quoted

REFUSED = "It gets no trial: install the same there, or say versions=any"
ALLOWED = "As versions=any allows, it gets trials, whose numbers may differ from those of this machine"

logger = logging.getLogger(__name__)


@dataclass
class Coordinator:
    """Tracks the tasks that have not ended, by their keys; ``answer`` sends an answer to a question.

    If ``refuse_versions`` is set, a machine with other versions than this one gets no task, since its results could
    differ.
    """

    answer: Callable[[str, Answer], None]
    index: FileIndex
    refuse_versions: bool = True
    pending: dict[str, Portable] = field(default_factory=dict)
    attempts: dict[str, str] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)  # attempts that must not continue
    declined: set[str] = field(default_factory=set)  # tasks that were given to a machine with other versions
    differing: set[str] = field(default_factory=set)  # machines of other versions, which the user was told of
    ended: set[str] = field(default_factory=set)  # attempts whose end has been read
    is_stopping: bool = False
    last_signal: Signal = field(default_factory=lambda: Signal(uuid.uuid4().hex))

    def signal(self) -> Signal:
        """Return the next signal for all tasks, to be given when all messages have been read."""
        count, refused = self.last_signal.count + 1, frozenset(self.refused)
        self.last_signal = Signal(self.last_signal.session, count, self.is_stopping, refused)
        return self.last_signal

    def is_any_under_way(self) -> bool:
        """Whether a machine has begun one of the tasks that have not ended."""
        return not self.attempts.keys().isdisjoint(self.pending)

    def receive(self, message: Message) -> Outcome[Any, Any] | None:
        """Process a message; returns the outcome of its task if the task has ended.

        Only the last attempt at a task counts: an earlier one, whose node was considered lost, is refused.  A question
        that arrives twice is answered twice, and only the first of two ends counts.
        """
        task = self.pending.get(message.key)
        if message.attempt in self.refused:
            self._refuse(message, "this attempt is not wanted any more")
            return None
        if task is None or message.attempt in self.ended:  # the task has ended, or belongs to another run
            self._refuse(message, "this task is not wanted any more")
            return None
        if isinstance(message, Begun):
            return self._begun(message, task)
        if self.attempts.setdefault(message.key, message.attempt) != message.attempt:
            self._refuse(message, "another attempt has begun")
        elif isinstance(message, FileRequested):
            content = self.index.content(message.sha256)
            missing = "a file that the task needs has changed since it was sent"
            self.answer(
                message.question, Answer(refusal=missing) if content is None else Answer({message.sha256: content})
            )
        elif isinstance(message, Ended):
            return self._ended(message, task)
        elif isinstance(message, Written):
            _keep(message, task)
        return None

    def lost(self, key: str, why: str) -> Outcome[Any, Any] | None:
        """Handle a task that the engine has given up."""
        task = self.pending.pop(key, None)
        return Outcome(task, died=why) if task is not None else None

    def _begun(self, message: Begun, task: Portable) -> Outcome[Any, Any] | None:
        if self.is_stopping:
            self._refuse(message, "the command that wants it is stopping")
            return None
        differences = versions().differences(message.versions)
        why = f"{message.machine} has other versions than this machine: {', '.join(differences)}"
        if differences and message.machine not in self.differing:
            self.differing.add(message.machine)
            logger.warning("Warning: %s. %s.", why, REFUSED if self.refuse_versions else ALLOWED)
        if differences and self.refuse_versions:
            self.answer(message.question, Answer(refusal=why, unfit=True))
            self.refused.add(message.attempt)
            self.declined.add(message.key)
            return self.lost(message.key, f"{why}. Install the same there, or allow them: versions=any.")
        self.attempts[message.key] = message.attempt
        self.answer(message.question, Answer(_contents(_folder(task))))
        return None

    def _ended(self, message: Ended, task: Portable) -> Outcome[Any, Any] | None:
        if message.stopped and not self.is_stopping:  # as requested by an earlier process of this command
            self.answer(message.question, Answer())
            self.refused.add(message.attempt)
            self.attempts.pop(message.key, None)
            return self.lost(message.key, "It was stopped before this command began.")
        missing: tuple[str, ...] = ()
        if message.manifest is not None:
            _keep(message, task)
            missing = _missing(message.manifest, task)
        self.answer(message.question, Answer(missing=missing))
        if missing:
            return None
        del self.pending[message.key]
        self.ended.add(message.attempt)
        if message.raised:
            raise pickle.loads(message.raised)  # noqa: S301
        result = pickle.loads(message.result) if message.result else None  # noqa: S301
        return Outcome(task, result, died=message.died, timed_out=message.timed_out)

    def _refuse(self, message: Message, why: str) -> None:
        """Refuse an attempt in an answer if it is waiting for one, otherwise in the next signal."""
        if isinstance(message, (Begun, FileRequested, Ended)):
            self.answer(message.question, Answer(refusal=why))
        else:
            self.refused.add(message.attempt)


def _folder(task: Portable) -> Path:
    return task.files.root / task.files.folder


def _contents(folder: Path) -> Mapping[str, bytes]:
    files = sorted(folder.glob("[!.]*")) if folder.is_dir() else []
    return {path.name: path.read_bytes() for path in files if path.is_file()}


def _keep(message: Written, task: Portable) -> None:
    """Write the received files in order; names that contain folders are ignored, since tasks have none.

    Raises StoreError if the root no longer exists: it would be recreated with only these files.
    """
    if not task.files.root.is_dir():
        raise StoreError(
            f"The folder {quoted(str(task.files.root))} was moved or deleted while trials ran: move it back."
        )
    folder, last = _folder(task), task.files.last
    folder.mkdir(parents=True, exist_ok=True)
    for name in message.removed:
        if _is_plain(name):
            (folder / name).unlink(missing_ok=True)
    for name, content in message.contents.items():
        if _is_plain(name):
            write_bytes(folder / name, content, synced=name == last)


def _missing(manifest: Mapping[str, str], task: Portable) -> tuple[str, ...]:
    """Return names of files that did not arrive because an earlier process received them; removes deleted files."""
    folder = _folder(task)
    here = {name: hashlib.sha256(content).hexdigest() for name, content in _contents(folder).items()}
    for name in here.keys() - manifest.keys():
        (folder / name).unlink(missing_ok=True)
    return tuple(name for name, digest in manifest.items() if here.get(name) != digest)


def _is_plain(name: str) -> bool:
    return bool(name) and Path(name).name == name and not name.startswith(".") and not {"\0", "\\"} & {*name}
