"""Worker processes that die, and the tasks that were under way beside them; workers that are stopped and prepared."""

from __future__ import annotations

import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from joblib import Parallel, delayed

from bench import plugins
from bench.errors import OptionError, UnknownName
from bench.execution.backend import Backend, Outcome, Workers
from bench.execution.execution import Execution
from bench.execution.trial import Settings, execute
from bench.store.records import Status
from bench.store.run_folder import Store
from bench.studies.study import Study

NAMES = sorted(plugins.find("backend"))
BLOBS = str(Path(__file__).parent.parent / "plugins" / "blobs.py")


def create(name: str) -> Backend:
    backend: Backend = plugins.find("backend")[name].load()()
    return backend


@pytest.fixture(params=NAMES)
def backend(request: pytest.FixtureRequest) -> Iterator[Backend]:
    found = create(request.param)
    yield found
    found.stop()


@pytest.fixture
def loky() -> Iterator[Backend]:
    found = create("loky")
    yield found
    found.stop()


def run(
    backend: Backend, function: Callable[[Any], Any], tasks: Sequence[Any], **workers: Any
) -> list[Outcome[Any, Any]]:
    return list(backend.run(function, tasks, Workers(**{"count": 2, **workers})))


# What workers are to do is defined inside functions, so that it travels by value: they need not import this module.


def noting(folder: Path) -> Callable[[str], str]:
    """A task that leaves a file for each call.

    ``die`` kills its process; ``kill`` does once ``hang`` has begun, which returns when ``kill`` has been called again;
    ``last`` returns when ``c`` has been called.
    """

    def wait_for(file: str) -> None:
        deadline = time.monotonic() + 60
        while not (folder / file).exists() and time.monotonic() < deadline:
            time.sleep(0.01)

    def note(task: str) -> str:
        count = len([*folder.glob(f"{task}-*")])
        (folder / f"{task}-{count}").touch()
        if task == "hang":
            wait_for("kill-1")
        if task == "last":
            wait_for("c-0")
        if task == "kill":
            wait_for("hang-0")
        if task.startswith(("kill", "die")):
            os.kill(os.getpid(), signal.SIGKILL)
        return task

    return note


def calls(folder: Path) -> dict[str, int]:
    names = [path.name.rpartition("-")[0] for path in folder.iterdir()]
    return {name: names.count(name) for name in sorted(names)}


def test_outcomes_come_while_others_are_under_way(loky: Backend, tmp_path: Path) -> None:
    outcomes = loky.run(noting(tmp_path), ["last", "a", "b", "c"], Workers(2))
    assert next(outcomes).task == "a"
    assert next(outcomes).task == "b"
    assert {outcome.task for outcome in outcomes} == {"c", "last"}


def test_stopping_twice_or_before_anything_has_started_is_harmless(backend: Backend) -> None:
    backend.stop()
    assert [outcome.result for outcome in run(backend, operator.neg, [1])] == [-1]
    backend.stop()
    backend.stop()
    assert [outcome.result for outcome in run(backend, operator.neg, [2])] == [-2]


def test_a_dead_worker_is_the_outcome_of_its_task_alone(loky: Backend, tmp_path: Path) -> None:
    """It may not have been the cause, and so is called once more; all others run once, undisturbed."""
    tasks = ["first", "kill", "hang", "a", "b", "c"]
    outcomes = {outcome.task: outcome for outcome in run(loky, noting(tmp_path), tasks)}
    assert sorted(outcomes) == sorted(tasks)
    assert {task for task, outcome in outcomes.items() if outcome.died} == {"kill"}
    assert "worker process died" in outcomes["kill"].died
    assert outcomes["kill"].result is None
    assert all(outcomes[task].result == task for task in tasks if task != "kill")
    assert calls(tmp_path) == {"a": 1, "b": 1, "c": 1, "first": 1, "hang": 1, "kill": 2}


def test_workers_that_die_without_a_task_are_replaced(loky: Backend) -> None:
    for outcome in run(loky, lambda _: os.getpid(), [0, 1]):
        os.kill(outcome.result, signal.SIGKILL)
    time.sleep(1)  # until that is noticed
    outcomes = run(loky, operator.neg, [1, 2, 3])
    assert {outcome.task: (outcome.result, outcome.died) for outcome in outcomes} == {
        1: (-1, ""),
        2: (-2, ""),
        3: (-3, ""),
    }


def test_if_every_worker_dies_there_is_an_end(loky: Backend, tmp_path: Path) -> None:
    outcomes = run(loky, noting(tmp_path), ["die-a", "die-b", "die-c"])
    assert [bool(outcome.died) for outcome in outcomes] == [True] * 3


def test_workers_are_where_the_caller_is_and_leave_interrupts_to_it(
    loky: Backend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def where(_: int) -> tuple[str, str | None, bool]:
        return str(Path.cwd()), os.environ.get("OMP_NUM_THREADS"), signal.getsignal(signal.SIGINT) is signal.SIG_IGN

    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        (outcome,) = run(loky, where, [0], threads=3)
        assert outcome.result == (str(tmp_path / name), "3", True)


def test_a_preparation_that_fails_is_no_failure_of_the_task(loky: Backend) -> None:
    def fail() -> None:
        raise RuntimeError("only a preparation")

    workers = Workers(2, setup=fail)
    loky.prepare(workers)
    assert [outcome.result for outcome in loky.run(operator.neg, [1], workers)] == [-1]
    assert len([*loky.run(operator.neg, range(5), Workers(3, setup=fail))]) == 5  # more workers than were prepared


def stuck(how: str) -> Callable[[str], None]:
    """A task that never returns, in the way that ``how`` names; any other task returns at once."""

    def hang(task: str) -> None:
        if task != how:
            return
        if how == "sleep":
            time.sleep(1000)
        if how == "spin":
            while True:
                pass
        if how == "native code":
            sum(range(10**13))  # holds Python's global lock
        if how == "stopped":
            os.kill(os.getpid(), signal.SIGSTOP)

    return hang


@pytest.mark.skipif(sys.platform == "win32", reason="SIGSTOP")
@pytest.mark.parametrize("how", ["sleep", "spin", "native code", "stopped"])
def test_a_task_beyond_its_time_limit_is_stopped_alone(loky: Backend, how: str) -> None:
    started = time.monotonic()
    outcomes = run(loky, stuck(how), [how, "a", "b", "c"], time_limit=1.0)
    assert {outcome.task: outcome.timed_out for outcome in outcomes} == {how: True, "a": False, "b": False, "c": False}
    assert not any(outcome.died for outcome in outcomes)
    assert time.monotonic() - started < 15


ORPHANS = """
import os, sys, time
from bench.execution.backend import Workers
from bench.execution.backends.loky import Loky

def work(how):
    os.write(1, b"%d\\n" % os.getpid())  # at once: the other one writes too
    if how == "sleep":
        time.sleep(1000)
    sum(range(10**13))

for _ in Loky().run(work, ["sleep", "native code"], Workers(2)):
    pass
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere native code that holds Python's lock goes on")
def test_workers_end_with_their_parent_even_in_native_code() -> None:
    command = [sys.executable, "-c", ORPHANS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        workers = [int(parent.stdout.readline()) for _ in range(2)]
        parent.kill()
    deadline = time.monotonic() + 20
    while any(is_alive(worker) for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(is_alive(worker) for worker in workers)


def is_alive(process: int) -> bool:
    """Whether it runs: neither gone nor a zombie."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_pool_of_joblib_is_left_alone(loky: Backend) -> None:
    assert {outcome.result for outcome in run(loky, operator.neg, [1, 2])} == {-1, -2}
    assert Parallel(n_jobs=2)(delayed(operator.neg)(i) for i in range(3)) == [0, -1, -2]


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_leaving_the_block_ends_the_workers(tmp_path: Path) -> None:
    with create("loky") as backend:
        outcomes = run(backend, lambda _: os.getpid(), [0, 1])
    for outcome in outcomes:
        with pytest.raises(ProcessLookupError):
            os.kill(outcome.result, 0)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_leaving_the_block_by_an_exception_does_not_wait_for_tasks(tmp_path: Path) -> None:
    def interrupted() -> None:
        with create("loky") as backend:
            for _ in backend.run(noting(tmp_path), ["a", "hang", "b"], Workers(2)):
                raise KeyboardInterrupt

    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    (outcome,) = run(create("loky"), operator.neg, [3])
    assert outcome.result == -3
    assert time.monotonic() - started < 60


def test_a_trial_that_has_ended_is_left_as_it_is(tmp_path: Path) -> None:
    """A back end may hand it out again after a worker's death."""
    study = Study(algos=("aevb[learning_rate=0.05]",), z=(2,), dataset=BLOBS, likelihood_points=10, budget=200)
    spec, *_ = study.expand(study.load_data())
    store = Store.create(tmp_path / "run", study)
    folder = store.trial(spec.id)
    folder.write_spec(spec)
    settings = Settings(budget=200, estimators=())
    assert execute(folder, spec, settings) is Status.DONE
    before = {path: path.stat().st_mtime_ns for path in store.path.rglob("*")}
    assert execute(folder, spec, settings) is Status.DONE
    assert {path: path.stat().st_mtime_ns for path in store.path.rglob("*")} == before


def test_how_to_run_is_checked_when_it_is_said() -> None:
    with pytest.raises(UnknownName, match=r"Unknown backend 'locky'\. Did you mean 'loky'"):
        Execution(backend="locky")
    with pytest.raises(OptionError, match="`jobs` must be an integer from 0 to"):
        Execution(jobs=-1)
    assert Execution(jobs=5, backend="sequential").workers.count == 1
    assert Execution(jobs=5).workers.count == 5


BLOCKED = """
import functools, signal
from bench.execution.backend import Workers
from bench.execution.backends.loky import Loky

blocked = functools.partial(signal.pthread_sigmask, signal.SIG_BLOCK)
for outcome in Loky().run(blocked, [[], []], Workers(2)):
    print(signal.SIGINT in outcome.result)
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows cannot block signals")
def test_workers_leave_interrupts_to_the_caller_from_their_first_moment() -> None:
    """A terminal sends Ctrl-C to all of them, even before they have imported what would ignore it."""
    finished = subprocess.run([sys.executable, "-c", BLOCKED], capture_output=True, text=True, check=True)
    assert finished.stdout.splitlines() == ["True", "True"]
