"""Every back end satisfies the contract; those of clusters are tried on one that runs on this machine."""

from __future__ import annotations

import _thread
import operator
import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cloudpickle
import psutil
import pytest

from bench import plugins
from bench.conformance import suite
from bench.conformance.check import Verdict
from bench.conformance.subject import Subject
from bench.execution.backend import Backend, Outcome, Workers
from bench.execution.portable import TaskFiles
from bench.plugins import PluginRef

IN_THIS_PROCESS = ("sequential", "threading")  # they cannot survive a task that kills its process, nor stop one

cloudpickle.register_pickle_by_value(sys.modules[__name__])  # workers cannot import tests


@pytest.fixture(scope="module", params=plugins.find("backend").values(), ids=lambda plugin: plugin.name)
def plugin(request: pytest.FixtureRequest) -> PluginRef:
    reference: PluginRef = request.param
    return reference


@pytest.fixture(scope="module")
def settings(plugin: PluginRef, request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The settings that a back end needs."""
    if plugin.name == "slurm":
        yield {"cluster": "local"}
    elif plugin.name == "dask":
        yield {"scheduler": request.getfixturevalue("shared_dask_cluster").address}
    elif plugin.name == "ray":
        import ray

        address = request.getfixturevalue("shared_ray_cluster").address
        ray.init(address=address, logging_level="error", log_to_driver=False)  # joined once for all tests
        yield {"address": address}
        ray.shutdown()
    else:
        yield {}


@pytest.fixture
def made(plugin: PluginRef, settings: dict[str, str]) -> Iterator[Backend]:
    with plugin.load()(**settings) as backend:
        yield backend


def workers(made: Backend, **changed: Any) -> Workers:
    return replace(Workers(count=min(2, made.max_workers or 2)), **changed)


def test_keeps_the_contract(
    plugin: PluginRef, settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the checks of `bench check`."""
    monkeypatch.chdir(tmp_path)
    cls = plugin.load()
    results = list(suite.run(Subject("backend", cls, settings)))
    assert [each.lesson for each in results if each.verdict is Verdict.FAILED] == []
    skipped = {each.check.name for each in results if each.verdict is Verdict.SKIPPED}
    in_this_process = {"deaths", "time_limit", "stops"} if plugin.name in IN_THIS_PROCESS else set()
    assert skipped == in_this_process | ({"at_once"} if cls.is_remote else set())


@dataclass(frozen=True)
class Job:
    """A task with files, which may run on another machine."""

    root: Path
    name: str
    how: str = "well"
    source: str = ""

    @property
    def files(self) -> TaskFiles:
        """Its files."""
        return TaskFiles(self.root, Path("trials", self.name), "status", (self.source,) if self.source else ())

    def moved(self, root: Path) -> Job:
        """With another root."""
        return replace(self, root=root)

    def __reduce__(self) -> tuple[Any, ...]:
        """Workers cannot import tests."""
        return operator.call, (ByValue(Job), self.root, self.name, self.how, self.source)


class ByValue:
    """A function or class of this module, which is pickled with its code, whatever pickles it."""

    def __init__(self, content: Any) -> None:
        self.content = content
        self.__qualname__ = content.__qualname__

    def __call__(self, *arguments: Any) -> Any:
        return self.content(*arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return cloudpickle.loads, (cloudpickle.dumps(self.content),)


def do(job: Job) -> str:
    """A job: it continues what it finds in its folder."""
    from bench.values.places import here

    folder = job.root / "trials" / job.name
    folder.mkdir(parents=True, exist_ok=True)
    before = (folder / "status").read_text() if (folder / "status").exists() else ""
    if job.how == "prints":
        print("x" * 10**6)  # noqa: T201
        os.write(2, b"y" * 10**6)
    (folder / "model").write_bytes(bytes(50 * 10**6) if job.how == "large" else job.name.encode())
    (folder / "status").write_text(before + "+")
    if job.how == "raises":
        raise ZeroDivisionError(job.name)
    if job.how == "dies":
        os._exit(3)
    if job.how == "takes time":
        began = time.time()
        time.sleep(2.5)
        return f"{began} {time.time()}"
    if job.how == "hangs":
        (folder / "process").write_text(str(os.getpid()))
        time.sleep(600)
    return here(job.source).read_text() if job.source else job.name


def ended(made: Backend, jobs: list[Job], **changed: Any) -> dict[str, Outcome[Job, str]]:
    return {outcome.task.name: outcome for outcome in made.run(ByValue(do), jobs, workers(made, **changed))}


def test_what_a_task_writes_is_where_its_caller_is(made: Backend, tmp_path: Path) -> None:
    """It begins with what is there, in whatever order tasks are given; what it prints disturbs nobody."""
    (tmp_path / "trials" / "a").mkdir(parents=True)
    (tmp_path / "trials" / "a" / "status").write_text("earlier")
    (tmp_path / "note.txt").write_text("a user's file")
    jobs = [Job(tmp_path, "b", "prints"), Job(tmp_path, "a"), Job(tmp_path, "c", source=str(tmp_path / "note.txt"))]
    outcomes = ended(made, jobs)
    assert {name: outcome.result for name, outcome in outcomes.items()} == {"a": "a", "b": "b", "c": "a user's file"}
    assert [outcomes[job.name].task for job in jobs] == jobs, "the caller's own tasks come back"
    found = {path.relative_to(tmp_path / "trials"): path.read_bytes() for path in (tmp_path / "trials").rglob("[!.]*")
             if path.is_file()}  # fmt: skip
    expected = {f"{name}/model": name.encode() for name in "abc"}
    expected |= {"a/status": b"earlier+", "b/status": b"+", "c/status": b"+"}
    assert found == {Path(name): content for name, content in expected.items()}


def test_the_order_of_tasks_makes_no_difference(made: Backend, tmp_path: Path) -> None:
    left = {}
    for order in ("abc", "cba"):
        jobs = [Job(tmp_path / order, name) for name in order]
        assert {name: outcome.result for name, outcome in ended(made, jobs).items()} == {name: name for name in "abc"}
        files = [
            path for path in (tmp_path / order).rglob("[!.]*") if path.is_file() and path.parent.parent.name == "trials"
        ]
        left[order] = {str(path.relative_to(tmp_path / order)): path.read_bytes() for path in files}
    assert len(left["abc"]) == 6
    assert left["abc"] == left["cba"]


def test_an_exception_of_a_task_with_files_is_raised_to_the_caller(
    plugin: PluginRef, settings: dict[str, str], tmp_path: Path
) -> None:
    with plugin.load()(**settings) as made, pytest.raises(ZeroDivisionError, match="a"):
        list(made.run(ByValue(do), [Job(tmp_path, "a", "raises")], workers(made)))


def test_a_large_file_arrives(made: Backend, tmp_path: Path) -> None:
    assert ended(made, [Job(tmp_path, "a", "large")])["a"].result == "a"
    assert (tmp_path / "trials" / "a" / "model").stat().st_size == 50 * 10**6


def test_a_task_that_kills_its_process_is_tried_once_more(plugin: PluginRef, made: Backend, tmp_path: Path) -> None:
    if plugin.name in IN_THIS_PROCESS:
        pytest.skip("runs tasks in the process of its caller, and says so")
    outcomes = ended(made, [Job(tmp_path, "a", "dies"), Job(tmp_path, "b")])
    assert "died" in outcomes["a"].died
    assert outcomes["b"].result == "b"
    assert (tmp_path / "trials" / "a" / "status").read_text() == "++", "from what it had left"


def test_an_engine_that_counts_processors_gives_none_to_two_tasks(
    plugin: PluginRef, made: Backend, tmp_path: Path
) -> None:
    if plugin.name != "ray":
        pytest.skip("counts none")
    jobs = [Job(tmp_path, name, "takes time") for name in "ab"]
    outcomes = ended(made, jobs, threads=2)  # all that the cluster has
    first, second = sorted([float(each) for each in str(outcome.result).split()] for outcome in outcomes.values())
    assert first[1] < second[0]


@pytest.fixture
def interruptible() -> Iterator[None]:
    """The processes of a parallel run of tests ignore Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_an_interrupt_ends_what_is_under_way(
    plugin: PluginRef, settings: dict[str, str], interruptible: None, tmp_path: Path
) -> None:
    """Ctrl-C while its caller waits: all ends within seconds, whatever the task does, and what it wrote is kept."""
    if plugin.name in IN_THIS_PROCESS:
        pytest.skip("runs tasks in the process of its caller, and says so")
    process = tmp_path / "trials" / "b" / "process"
    threading.Thread(target=interrupt_once_there_is, args=[process], daemon=True).start()
    made = plugin.load()(**settings)
    with pytest.raises(KeyboardInterrupt):
        list(made.run(ByValue(do), [Job(tmp_path, "a"), Job(tmp_path, "b", "hangs")], workers(made)))
    started = time.monotonic()
    made.stop()
    assert time.monotonic() - started < 25
    number = int(process.read_text())
    while psutil.pid_exists(number) and time.monotonic() - started < 40:
        time.sleep(0.1)
    assert not psutil.pid_exists(number)
    assert (tmp_path / "trials" / "b" / "status").read_text() == "+"


def interrupt_once_there_is(file: Path) -> None:
    deadline = time.monotonic() + 60
    while not (file.exists() and file.read_text()) and time.monotonic() < deadline:
        time.sleep(0.1)
    _thread.interrupt_main()
