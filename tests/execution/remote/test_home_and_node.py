"""What travels between a task and its home: the folder at home ends like the node's, whatever is lost on the way."""

from __future__ import annotations

import operator
import pickle
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, cast

import cloudpickle
import pytest

from bench.execution.backend import Outcome, Workers
from bench.execution.luggage import Luggage
from bench.execution.remote import cache, node
from bench.execution.remote.home import Home
from bench.execution.remote.mirror import Mirror
from bench.execution.remote.parcel import Parcel, Shelf, pack
from bench.execution.remote.post import Answer, Begun, Ended, Message, Post, Wanted, Written
from bench.execution.remote.versions import Versions, versions

KEY = "task"

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests


@dataclass(frozen=True)
class Copy:
    """A task that copies a file of the user's into its folder, and counts how often it was begun."""

    root: Path
    source: str = ""

    @property
    def luggage(self) -> Luggage:
        """Its files."""
        return Luggage(self.root, Path("trials/a"), "status", (self.source,) if self.source else ())

    def moved(self, root: Path) -> Copy:
        """With another root."""
        return replace(self, root=root)

    def __reduce__(self) -> tuple[Any, ...]:
        """Processes of a node cannot import tests."""
        return operator.call, (ByValue(Copy), self.root, self.source)


class ByValue:
    """A function or class of this module, which is pickled with its code, whatever pickles it."""

    def __init__(self, content: Any) -> None:
        self.content = content

    def __reduce__(self) -> tuple[Any, ...]:
        return cloudpickle.loads, (cloudpickle.dumps(self.content),)


def copy(task: Copy) -> int:
    """The function of the task."""
    from bench.values.places import here

    folder = task.root / "trials" / "a"
    begun = folder / "begun"
    number = int(begun.read_text()) + 1 if begun.exists() else 1
    begun.write_text(str(number))
    (folder / "old").unlink(missing_ok=True)
    (folder / "model").write_bytes(here(task.source).read_bytes() if task.source else b"")
    (folder / "status").write_text("done")
    return number


@dataclass
class Letters(Post):
    """A post in this process; the ``lost`` th letters that write something do not arrive."""

    home: SimpleQueue[Message] = field(default_factory=SimpleQueue)
    answers: SimpleQueue[Answer] = field(default_factory=SimpleQueue)
    lost: tuple[int, ...] = ()
    written: int = 0
    kinds: list[type[Message]] = field(default_factory=list)

    def send(self, message: Message) -> None:
        """See `Post`."""
        self.kinds.append(type(message))
        if isinstance(message, Written):
            self.written += 1
            if self.written in self.lost:
                return
        self.home.put(pickle.loads(pickle.dumps(message)))  # noqa: S301

    def ask(self, message: Message, timeout: float) -> Answer | None:
        """See `Post`."""
        self.send(message)
        try:
            return self.answers.get(timeout=timeout)
        except Empty:
            return None

    def is_stopped(self) -> bool:
        """See `Post`."""
        return False


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    for process in list(node._idle):
        node._end_if_idle(process)


def deliver(task: Copy, post: Letters, shelf: Shelf | None = None) -> Outcome[Any, Any]:
    """The task is run by a node in a thread of this process, and its home is here."""
    shelf = shelf or Shelf()
    home = Home(lambda _, answer: post.answers.put(answer), shelf, away={KEY: task})
    parcel = pack(KEY, cast(Any, ByValue(copy)), task, Workers(), shelf)
    thread = Thread(target=node.work, args=[parcel, post])
    thread.start()
    outcome = None
    while outcome is None:
        outcome = home.receive(post.home.get(timeout=60))
    thread.join()
    return outcome


@pytest.mark.parametrize("lost", [(), (1,), (1, 2)])
def test_the_folder_at_home_ends_like_that_of_the_node(lost: tuple[int, ...], tmp_path: Path) -> None:
    """Whatever was lost on the way is sent again before the task has ended."""
    folder = tmp_path / "trials" / "a"
    folder.mkdir(parents=True)
    (folder / "begun").write_text("1")
    (folder / "old").write_text("of an earlier attempt")
    source = tmp_path / "elsewhere" / "data.bin"
    source.parent.mkdir()
    source.write_bytes(bytes(range(256)) * 1000)
    outcome = deliver(Copy(tmp_path, str(source)), Letters(lost=lost))
    assert (outcome.result, outcome.died) == (2, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "begun": b"2", "model": source.read_bytes(), "status": b"done",
    }  # fmt: skip


def test_a_file_that_was_brought_is_not_asked_for_again(tmp_path: Path) -> None:
    source = tmp_path / "data.bin"
    source.write_bytes(b"values")
    asked = []
    for attempt in ("one", "two"):
        post = Letters()
        deliver(Copy(tmp_path / attempt, str(source)), post)
        asked.append(post.kinds.count(Wanted))
    assert asked == [1, 0]


def test_a_file_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "data.bin"
    source.write_bytes(b"values")
    shelf = Shelf()
    (item,) = shelf.items(str(source))
    assert shelf.content(item.sha256) == b"values"
    source.write_bytes(b"others")
    assert shelf.content(item.sha256) is None
    assert shelf.content("0" * 64) is None
    plugin = tmp_path / "mine.py"
    plugin.write_bytes(b"earlier")
    (item,) = shelf.items(str(plugin))
    plugin.write_bytes(b"edited")
    assert shelf.content(item.sha256) == b"earlier", "a plugin is what it was when the command began"


def begun(attempt: str, **changed: Any) -> Begun:
    return Begun(KEY, attempt, "machine", replace(versions(), **changed))


def test_only_the_last_attempt_counts(tmp_path: Path) -> None:
    """A node that was thought lost and comes back writes nothing more, and is told to end."""
    answers: list[tuple[str, Answer]] = []
    task = Copy(tmp_path)
    home = Home(lambda attempt, answer: answers.append((attempt, answer)), Shelf(), away={KEY: task})
    home.receive(begun("first"))
    home.receive(Written(KEY, "first", {"status": b"running"}))
    home.receive(begun("second"))
    assert answers[-1][1].contents == {"status": b"running"}, "the second goes on from there"
    home.receive(Written(KEY, "first", {"status": b"wrong"}))
    assert home.receive(Ended(KEY, "first", {"status": ""})) is None
    assert answers[-1] == ("first", Answer(refusal="another attempt has begun"))
    assert (tmp_path / "trials" / "a" / "status").read_bytes() == b"running"
    outcome = home.receive(Ended(KEY, "second", {}, result=pickle.dumps(3)))
    assert outcome is not None
    assert outcome.result == 3
    home.receive(Wanted(KEY, "second", "0" * 64))
    assert answers[-1] == ("second", Answer(refusal="this task is not wanted any more"))


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    home = Home(lambda *_: None, Shelf(), away={KEY: Copy(tmp_path)})
    names = ["../b", "x/y", "/etc/passwd", ".hidden", "..", "", "a\0b", "..\\b"]
    home.receive(Written(KEY, "one", dict.fromkeys(names, b"")))
    home.receive(Written(KEY, "one", {}, removed=("../a",)))
    assert [path.name for path in tmp_path.rglob("*")] == ["trials", "a"]


@pytest.mark.parametrize("refuse", [True, False])
def test_other_versions_are_refused_unless_they_are_allowed(refuse: bool, tmp_path: Path) -> None:
    answers: list[Answer] = []
    home = Home(lambda _, answer: answers.append(answer), Shelf(), refuse_versions=refuse, away={KEY: Copy(tmp_path)})
    outcome = home.receive(begun("one", torch="1.0"))
    assert (outcome is not None) == refuse == bool(answers[0].refusal)
    if outcome is not None:
        assert "torch 1.0 in place of" in outcome.died
        assert "versions=any" in outcome.died


def test_what_a_refused_machine_says_later_counts_for_nobody(tmp_path: Path) -> None:
    home = Home(lambda *_: None, Shelf(), away={KEY: Copy(tmp_path)})
    assert home.receive(begun("one", torch="1.0")) is not None
    home.away[KEY] = Copy(tmp_path)  # it is handed out again
    assert home.receive(Ended(KEY, "one", manifest=None, died="refused")) is None
    assert KEY in home.away


def test_a_task_that_another_command_has_stopped_has_not_ended(tmp_path: Path) -> None:
    """It is away still, and nothing of it is removed."""
    (tmp_path / "trials" / "a").mkdir(parents=True)
    (tmp_path / "trials" / "a" / "checkpoint").write_text("precious")
    home = Home(lambda *_: None, Shelf(), away={KEY: Copy(tmp_path)})
    outcome = home.receive(Ended(KEY, "stale", manifest={}, stopped=True))
    assert outcome is not None
    assert "stopped before" in outcome.died, "so that it is handed out again"
    assert (tmp_path / "trials" / "a" / "checkpoint").read_text() == "precious"
    home = Home(lambda *_: None, Shelf(), away={KEY: Copy(tmp_path)}, is_stopping=True)
    outcome = home.receive(Ended(KEY, "own", manifest={"checkpoint": "?"}, stopped=True))
    assert outcome is None, "it has to send what is missing first"


def test_versions_know_the_code() -> None:
    assert versions().differences(versions()) == []
    other = replace(versions(), bench="0" * 12)
    assert versions().differences(other) == [f"bench 000000000000 in place of {versions().bench}"]
    assert isinstance(versions(), Versions)


def test_a_mirror_never_speaks_of_what_it_has_not_sent(tmp_path: Path) -> None:
    """The status is read first and sent last, and what has not changed is not sent again."""
    sent: list[tuple[dict[str, bytes], tuple[str, ...]]] = []
    (tmp_path / "spec").write_text("s")
    mirror = Mirror(tmp_path, "status", lambda contents, gone: sent.append((dict(contents), gone)))
    mirror.sync()
    assert sent == [], "what was there came from home"
    for name in ("status", "model", "checkpoint"):
        (tmp_path / name).write_text(name)
    mirror.sync()
    assert list(sent[0][0])[-1] == "status"
    assert set(sent[0][0]) == {"model", "checkpoint", "status"}
    mirror.sync()
    assert len(sent) == 1
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "model").write_text("another")
    mirror.sync()
    assert sent[1] == ({"model": b"another"}, ("checkpoint",))


def test_a_folder_of_the_user_travels_whole(tmp_path: Path) -> None:
    (tmp_path / "images" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        (tmp_path / "images" / name).write_text(name)
    shelf = Shelf()
    items = shelf.items(str(tmp_path / "images"))

    def fetch(sha256: str) -> bytes:
        content = shelf.content(sha256)
        assert content is not None
        return content

    places = cache.bring(items, fetch)
    place = places[str(tmp_path / "images")]
    assert place.name == "images"
    assert (place / "deep" / "b.png").read_text() == "deep/b.png"
    assert shelf.items(str(tmp_path / "nothing")) == ()


def test_a_parcel_is_small(tmp_path: Path) -> None:
    """It names files by their hashes; their contents are fetched once per node."""
    source = tmp_path / "large.bin"
    source.write_bytes(bytes(10**6))

    def size(named: str) -> int:
        parcel = pack(KEY, cast(Any, ByValue(copy)), Copy(tmp_path, named), Workers(), Shelf())
        assert isinstance(parcel, Parcel)
        return len(pickle.dumps(parcel))

    assert 0 < size(str(source)) - size("") < 1000
