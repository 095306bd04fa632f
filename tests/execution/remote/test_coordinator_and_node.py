"""Messages between a task and its coordinator: both folders end alike, whatever is lost on the way."""

from __future__ import annotations

import pickle
import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from threading import Thread
from typing import Any, cast

import pytest
from remote_tasks import ByValue, Copy, InProcess, copy, counted

from bench.errors import DataError, StoreError
from bench.execution.backend import Outcome, Workers
from bench.execution.remote import cache, node, processes
from bench.execution.remote.coordinator import Coordinator
from bench.execution.remote.messages import Answer, Begun, Ended, FileRequested, Message, Signal, Written
from bench.execution.remote.mirror import Mirror
from bench.execution.remote.payload import FileIndex, Payload, pack
from bench.execution.remote.versions import Versions, versions

KEY = "task"


@pytest.fixture(autouse=True)
def no_process_stays() -> Iterator[None]:
    yield
    for process in list(processes.idle):
        processes.end_if_idle(process)


def deliver(task: Copy, channel: InProcess, index: FileIndex | None = None) -> Outcome[Any, Any]:
    """The task is run by a node in a thread of this process, and its coordinator is here."""
    index = index or FileIndex()
    task.root.mkdir(exist_ok=True)
    coordinator = Coordinator(channel.answer, index, pending={KEY: task})
    payload = pack(KEY, cast(Any, ByValue(copy)), task, Workers(), index)
    thread = Thread(daemon=True, target=node.work, args=[payload, channel])
    thread.start()
    outcome = None
    while outcome is None:
        outcome = coordinator.receive(channel.inbox.get(timeout=60))
    thread.join()
    return outcome


@pytest.mark.parametrize("lost", [(), (1,), (1, 2)])
def test_the_folder_of_the_coordinator_ends_like_that_of_the_node(lost: tuple[int, ...], tmp_path: Path) -> None:
    """Whatever was lost on the way is sent again before the task has ended."""
    folder = tmp_path / "trials" / "a"
    folder.mkdir(parents=True)
    (folder / "begun").write_text("1")
    (folder / "old").write_text("of an earlier attempt")
    source = tmp_path / "elsewhere" / "data.bin"
    source.parent.mkdir()
    source.write_bytes(bytes(range(256)) * 1000)
    outcome = deliver(Copy(tmp_path, str(source)), InProcess(lost=lost))
    assert (outcome.result, outcome.died) == (2, "")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        "begun": b"2", "model": source.read_bytes(), "status": b"done",
    }  # fmt: skip


@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("kind", [Begun, FileRequested, Ended])
def test_a_question_that_is_lost_is_asked_again(
    kind: type[Message], times: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some coordinators are killed after they have read a question and before they answer; the task is run once."""
    monkeypatch.setattr(node, "SECONDS_BETWEEN_LOOKS", 0.02)
    source, channel = tmp_path / "data.bin", InProcess()
    source.write_bytes(b"values")
    task = Copy(tmp_path, str(source))
    index = FileIndex()
    coordinator = Coordinator(channel.answer, index, pending={KEY: task})
    thread = Thread(
        daemon=True, target=node.work, args=[pack(KEY, cast(Any, ByValue(copy)), task, Workers(), index), channel]
    )
    thread.start()
    outcome, lost = None, 0
    while outcome is None:
        message = channel.inbox.get(timeout=60)
        if isinstance(message, kind) and lost < times:
            lost += 1
            channel.given = Signal(f"another {lost}")
        else:
            outcome = coordinator.receive(message)
    thread.join()
    assert (lost, outcome.result, outcome.died) == (times, 1, "")
    assert (tmp_path / "trials" / "a" / "model").read_bytes() == b"values"


def test_a_question_that_is_asked_twice_is_answered_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A signal may overtake it.  No answer is taken for one to a later question."""
    monkeypatch.setattr(node, "SECONDS_BETWEEN_LOOKS", 0.02)
    task, channel = Copy(tmp_path), InProcess()
    coordinator = Coordinator(channel.answer, FileIndex(), pending={KEY: task})
    thread = Thread(
        daemon=True, target=node.work, args=[pack(KEY, cast(Any, ByValue(copy)), task, Workers(), FileIndex()), channel]
    )
    thread.start()
    outcomes: list[Any] = []
    while not any(outcomes):
        message = channel.inbox.get(timeout=60)
        channel.given = Signal("one", channel.given.count + 1)
        again = channel.inbox.get(timeout=60)
        assert (again.question, type(again)) == (message.question, type(message))
        outcomes += [coordinator.receive(message), coordinator.receive(again)]
    thread.join()
    assert [outcome.result for outcome in outcomes if outcome] == [1]
    assert channel.kinds == [Begun, Begun, Ended, Ended]


def test_an_end_that_comes_twice_counts_once(tmp_path: Path) -> None:
    """Its process has died, the task is pending again, and its first attempt is asked for nothing more."""
    answers: list[tuple[str, Answer]] = []
    task = Copy(tmp_path)
    coordinator = Coordinator(lambda *each: answers.append(each), FileIndex(), pending={KEY: task})
    coordinator.receive(begun("first"))
    died = Ended(KEY, "first", {}, manifest={}, died="killed", number=2)
    assert coordinator.receive(died) is not None
    coordinator.pending[KEY] = task
    assert coordinator.receive(died) is None, "one death"
    assert coordinator.receive(begun("second")) is None
    assert coordinator.receive(died) is None
    assert coordinator.attempts == {KEY: "second"}


def test_nothing_begins_while_the_command_stops(tmp_path: Path) -> None:
    answers: list[tuple[str, Answer]] = []
    coordinator = Coordinator(lambda *each: answers.append(each), FileIndex(), pending={KEY: Copy(tmp_path)})
    coordinator.is_stopping = True
    coordinator.receive(begun("one"))
    assert answers == [("one-0", Answer(refusal="the command that wants it is stopping"))]
    assert not coordinator.is_any_under_way()


def test_a_file_is_copied_to_a_node_once(tmp_path: Path) -> None:
    source = tmp_path / "data.bin"
    source.write_bytes(b"values")
    asked = []
    for attempt in ("one", "two"):
        channel = InProcess()
        deliver(Copy(tmp_path / attempt, str(source)), channel)
        asked.append(channel.kinds.count(FileRequested))
    assert asked == [1, 0]


def test_a_file_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    source = tmp_path / "data.bin"
    source.write_bytes(b"values")
    index = FileIndex()
    (item,) = index.refs(str(source))
    assert index.content(item.sha256) == b"values"
    source.write_bytes(b"others")
    assert index.content(item.sha256) is None
    assert index.content("0" * 64) is None
    plugin = tmp_path / "mine.py"
    plugin.write_bytes(b"earlier")
    (item,) = index.refs(str(plugin))
    plugin.write_bytes(b"edited")
    assert index.content(item.sha256) == b"earlier", "a plugin is what it was when the command began"


def begun(attempt: str, **changed: Any) -> Begun:
    return Begun(KEY, attempt, "machine", replace(versions(), **changed))


def test_only_the_last_attempt_counts(tmp_path: Path) -> None:
    """A node that was thought lost and comes back writes nothing more, and is told to end."""
    answers: list[tuple[str, Answer]] = []
    task = Copy(tmp_path)
    coordinator = Coordinator(lambda *each: answers.append(each), FileIndex(), pending={KEY: task})
    coordinator.receive(begun("first"))
    coordinator.receive(Written(KEY, "first", {"status": b"running"}))
    coordinator.receive(begun("second"))
    assert answers[-1][1].contents == {"status": b"running"}, "the second goes on from there"
    coordinator.receive(Written(KEY, "first", {"status": b"wrong"}))
    assert coordinator.signal().refused == {"first"}, "it sees that within a second"
    assert coordinator.receive(Ended(KEY, "first", {"status": b"wrong"}, manifest={"status": ""})) is None
    assert answers[-1] == ("first-0", Answer(refusal="this attempt is not wanted any more"))
    assert (tmp_path / "trials" / "a" / "status").read_bytes() == b"running"
    outcome = coordinator.receive(Ended(KEY, "second", {}, manifest={}, result=pickle.dumps(3)))
    assert outcome is not None
    assert outcome.result == 3
    coordinator.receive(FileRequested(KEY, "second", "0" * 64))
    assert answers[-1] == ("second-0", Answer(refusal="this task is not wanted any more"))


def test_a_run_folder_that_is_removed_is_not_made_anew(tmp_path: Path) -> None:
    root = tmp_path / "run"
    root.mkdir()
    coordinator = Coordinator(lambda *_: None, FileIndex(), pending={KEY: Copy(root)})
    coordinator.receive(Written(KEY, "one", {"status": b"running"}))
    shutil.rmtree(root)
    with pytest.raises(StoreError, match="was moved or deleted while trials ran"):
        coordinator.receive(Written(KEY, "one", {"status": b"running"}))
    assert not root.exists()


def test_messages_do_not_pile_up_while_nobody_reads_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A task whose coordinator is away sends one message, and all it has to the next one."""
    monkeypatch.setattr(node, "SECONDS_BETWEEN_LOOKS", 0.02)
    monkeypatch.setattr(node, "SECONDS_BETWEEN_REPORTS", 0.0)
    stop = tmp_path / "stop"
    stop.mkdir()
    channel, task = InProcess(), Copy(tmp_path, str(stop))
    coordinator = Coordinator(channel.answer, FileIndex(), pending={KEY: task})
    payload = pack(KEY, cast(Any, ByValue(counted)), task, Workers(), FileIndex())
    thread = Thread(daemon=True, target=node.work, args=[payload, channel])
    thread.start()
    coordinator.receive(channel.inbox.get(timeout=60))
    first = channel.inbox.get(timeout=60)
    time.sleep(0.5)
    assert channel.inbox.qsize() <= 1, "which the signal may have overtaken"
    channel.given = Signal("another")  # who was not sent the first
    last = [channel.inbox.get(timeout=60) for _ in range(channel.inbox.qsize() + 1)][-1]
    assert isinstance(first, Written)
    assert isinstance(last, Written)
    assert {"counts", "status"} <= set(last.contents)
    assert last.contents["status"] == b"counting", "which has not changed since the first"
    assert int(last.contents["counts"]) > int(first.contents["counts"])
    (stop / "enough").touch()
    outcome = None
    while outcome is None:
        channel.given = Signal("another", channel.given.count + 1)
        outcome = coordinator.receive(channel.inbox.get(timeout=60))
    thread.join()
    assert outcome.result == int((tmp_path / "trials" / "a" / "counts").read_text())


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    coordinator = Coordinator(lambda *_: None, FileIndex(), pending={KEY: Copy(tmp_path)})
    names = ["../b", "x/y", "/etc/passwd", ".hidden", "..", "", "a\0b", "..\\b"]
    coordinator.receive(Written(KEY, "one", dict.fromkeys(names, b"")))
    coordinator.receive(Written(KEY, "one", {}, removed=("../a",)))
    assert [path.name for path in tmp_path.rglob("*")] == ["trials", "a"]


@pytest.mark.parametrize("refuse", [True, False])
def test_other_versions_are_refused_unless_they_are_allowed(
    refuse: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Either is said, once for each machine."""
    answers: list[Answer] = []
    coordinator = Coordinator(lambda _, answer: answers.append(answer), FileIndex(), refuse_versions=refuse)
    coordinator.pending[KEY] = Copy(tmp_path)
    outcome = coordinator.receive(begun("one", torch="1.0"))
    assert (outcome is not None) == refuse == bool(answers[0].refusal)
    if outcome is not None:
        assert "torch 1.0 in place of" in outcome.died
        assert "versions=any" in outcome.died
    coordinator.pending[KEY] = Copy(tmp_path)
    coordinator.receive(begun("two", torch="1.0"))
    (warning,) = caplog.messages
    assert "machine has other versions than this machine: torch 1.0 in place of" in warning
    assert ("It gets no trial" if refuse else "it gets trials, whose numbers may differ") in warning


def test_what_a_refused_machine_says_later_counts_for_nobody(tmp_path: Path) -> None:
    coordinator = Coordinator(lambda *_: None, FileIndex(), pending={KEY: Copy(tmp_path)})
    assert coordinator.receive(begun("one", torch="1.0")) is not None
    coordinator.pending[KEY] = Copy(tmp_path)  # it is handed out again
    assert coordinator.receive(Ended(KEY, "one", {}, died="refused")) is None
    assert KEY in coordinator.pending


def test_a_task_that_another_command_has_stopped_has_not_ended(tmp_path: Path) -> None:
    """It is pending still, and nothing of it is removed."""
    (tmp_path / "trials" / "a").mkdir(parents=True)
    (tmp_path / "trials" / "a" / "checkpoint").write_text("precious")
    coordinator = Coordinator(lambda *_: None, FileIndex(), pending={KEY: Copy(tmp_path)})
    outcome = coordinator.receive(Ended(KEY, "stale", {}, manifest={}, stopped=True))
    assert outcome is not None
    assert "stopped before" in outcome.died, "so that it is handed out again"
    assert (tmp_path / "trials" / "a" / "checkpoint").read_text() == "precious"
    coordinator = Coordinator(lambda *_: None, FileIndex(), pending={KEY: Copy(tmp_path)}, is_stopping=True)
    outcome = coordinator.receive(Ended(KEY, "own", {}, manifest={"checkpoint": "?"}, stopped=True))
    assert outcome is None, "it has to send what is missing first"


def test_versions_know_the_code() -> None:
    assert versions().differences(versions()) == []
    other = replace(versions(), bench="0" * 12)
    assert versions().differences(other) == [f"bench 000000000000 in place of {versions().bench}"]
    assert isinstance(versions(), Versions)


def test_a_mirror_never_speaks_of_what_it_has_not_sent(tmp_path: Path) -> None:
    """The status is read first and sent last, and what has not changed is not sent again, unless it may be lost."""
    (tmp_path / "spec").write_text("s")
    mirror = Mirror(tmp_path, "status")
    assert mirror.changes() == ({}, ()), "what was there came from the coordinator"
    for name in ("status", "model", "checkpoint"):
        (tmp_path / name).write_text(name)
    contents, removed = mirror.changes()
    assert list(contents)[-1] == "status"
    assert (set(contents), removed) == ({"model", "checkpoint", "status"}, ())
    assert mirror.changes() == ({}, ())
    (tmp_path / "checkpoint").unlink()
    (tmp_path / "model").write_text("another")
    assert mirror.changes() == ({"model": b"another"}, ("checkpoint",))
    mirror.forget()
    contents, _ = mirror.changes()
    assert (set(contents), list(contents)[-1]) == ({"spec", "model", "status"}, "status")


def test_a_folder_of_the_user_travels_whole(tmp_path: Path) -> None:
    (tmp_path / "images" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png"):
        (tmp_path / "images" / name).write_text(name)
    index = FileIndex()
    items = index.refs(str(tmp_path / "images"))

    def fetch(sha256: str) -> bytes:
        content = index.content(sha256)
        assert content is not None
        return content

    places = cache.provide(items, fetch)
    place = places[str(tmp_path / "images")]
    assert place.name == "images"
    assert (place / "deep" / "b.png").read_text() == "deep/b.png"
    assert index.refs(str(tmp_path / "nothing")) == ()


def test_what_arrives_damaged_is_not_kept(tmp_path: Path) -> None:
    """And a copy that is damaged later is fetched again."""
    source = tmp_path / "x.bin"
    source.write_bytes(b"values")
    refs = FileIndex().refs(str(source))
    with pytest.raises(DataError, match=r"x\.bin has arrived damaged"):
        cache.provide(refs, lambda _: b"other values")
    place = cache.provide(refs, lambda _: b"values")[str(source)]
    place.write_bytes(b"valuez")
    assert cache.provide(refs, lambda _: b"values")[str(source)].read_bytes() == b"values"


def test_a_payload_is_small(tmp_path: Path) -> None:
    """It names files by their hashes; their contents are fetched once per node."""
    source = tmp_path / "large.bin"
    source.write_bytes(bytes(10**6))

    def size(named: str) -> int:
        payload = pack(KEY, cast(Any, ByValue(copy)), Copy(tmp_path, named), Workers(), FileIndex())
        assert isinstance(payload, Payload)
        return len(pickle.dumps(payload))

    assert 0 < size(str(source)) - size("") < 1000
