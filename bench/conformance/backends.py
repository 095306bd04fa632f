"""Checks of a back end, with small tasks; some of them die, hang or take time."""

from __future__ import annotations

import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.jobs import BY_CALLER, Job, do, this_process
from bench.conformance.subject import Subject
from bench.conformance.tiny import blamed_on_plugin
from bench.execution.backend import Backend, Outcome, Workers

NUMBERS = [-3, -1, -4, -1, -5, -9]
TIME_LIMIT = 3.0  # seconds
STOPS_WITHIN = 30.0  # seconds
BEGINS_WITHIN = 5.0  # seconds, of a task that runs beside another one


@contextmanager
def started(subject: Subject) -> Iterator[tuple[Backend, Workers]]:
    """The back end, which is stopped afterwards, and as many workers as it can have, but at most two."""
    with blamed_on_plugin("creating or stopping it", subject), subject.make() as backend:
        yield backend, Workers(count=min(2, backend.max_workers or 2))


@contextmanager
def jobs(*deeds: str) -> Iterator[list[Job]]:
    """One job per deed, named a, b, ..., in a folder that all nodes of a cluster with shared files can see."""
    where = Path.cwd() if os.access(Path.cwd(), os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where, prefix=".bench-check-", ignore_cleanup_errors=True) as folder:
        names = "abcdefgh"[: len(deeds)]
        yield [Job(Path(folder), name, deed, this_process()) for name, deed in zip(names, deeds, strict=True)]


def outcomes(
    subject: Subject, tasks: Sequence[Job], *, count: int | None = None, time_limit: float | None = None
) -> dict[str, Outcome[Job, str]]:
    """The outcome of each job, by its name; raises Broken if there is not exactly one."""
    with started(subject) as (backend, usual), blamed_on_plugin("`run`", subject):
        workers = replace(usual, count=count or usual.count, time_limit=time_limit)
        every = list(backend.run(do, tasks, workers))
    names = [each.task.name for each in every]
    if sorted(names) != sorted(task.name for task in tasks):
        raise Broken(f"of the tasks {_list(task.name for task in tasks)}, it yields outcomes of {_list(names)}.")
    return {outcome.task.name: outcome for outcome in every}


def yields_one_outcome_per_task(subject: Subject) -> None:
    """Of every task, even of equal ones, with the function's result."""
    with started(subject) as (backend, workers), blamed_on_plugin("`run`", subject):
        every: list[Outcome[int, int]] = list(backend.run(abs, NUMBERS, workers))
    wrong = next((each for each in every if not isinstance(each, Outcome)), None)
    if wrong is not None:
        raise Broken(f"`run` yields {wrong!r}: it must yield Outcome(task, result).")
    if sorted(each.task for each in every) != sorted(NUMBERS):
        raise Broken(f"of the tasks {_list(NUMBERS)}, it yields outcomes of {_list(each.task for each in every)}.")
    for each in every:
        if each.died or each.timed_out:
            raise Broken(f"it calls a function that simply returns, and yields {each}.")
        if each.result != abs(each.task):
            raise Broken(f"abs({each.task}) is {each.result!r} in the outcome.")


def does_nothing_without_tasks(subject: Subject) -> None:
    """Workers that were started in advance are stopped, and stopping again does nothing."""
    with started(subject) as (backend, workers), blamed_on_plugin("`prepare`, `run` without tasks, or `stop`", subject):
        backend.prepare(workers)
        every: list[Outcome[int, int]] = list(backend.run(abs, [], workers))
        backend.stop()
        backend.stop()
    if every:
        raise Broken(f"without tasks it yields {every[0]}.")


def raises_what_the_function_raises(subject: Subject) -> None:
    """To the caller of `run`."""
    try:
        with started(subject) as (backend, workers):
            every = list(backend.run(partial(divmod, 1), [2, 0], workers))
    except Broken as broken:
        if isinstance(broken.__cause__, ZeroDivisionError):
            return
        raise
    raise Broken(f"the function raises ZeroDivisionError on a task, and `run` raises nothing but yields {every}.")


def leaves_files_with_the_caller(subject: Subject) -> None:
    """A task continues from the files in its folder, and its caller finds there what it has written."""
    with jobs("ends", "ends") as (first, second):
        first.folder.mkdir(parents=True)
        (first.folder / "status").write_text("earlier ", encoding="utf-8")
        results = outcomes(subject, [second, first])
        for job, status in ((first, "earlier a"), (second, "b")):
            outcome = results[job.name]
            if outcome.result != job.name or outcome.task != job:
                raise Broken(f"a task that returns {job.name!r} has the outcome {outcome}.")
            file = job.folder / "status"
            content = file.read_text(encoding="utf-8") if file.exists() else "missing"
            if content != status:
                raise Broken(f"a file of the task should be {status!r} at its end, and is {content!r}.")


def starts_in_the_callers_folder(subject: Subject) -> None:
    """So that relative paths mean the same."""
    with started(subject) as (backend, workers), blamed_on_plugin("`run`", subject):
        (outcome,) = backend.run(os.path.realpath, ["."], workers)
    here = os.path.realpath(".")
    if outcome.result != here:
        raise Broken(f"the command runs in {here}, and its tasks in {outcome.result}.")


def runs_as_many_as_it_is_told(subject: Subject) -> None:
    """Never more tasks at once than there are workers."""
    if subject.cls.is_remote:
        raise NotApplicable("how many tasks a cluster runs at once depends on its size")
    for count in {1, min(2, subject.cls.max_workers or 2)}:
        with jobs(*["takes time"] * 4) as tasks:
            results = outcomes(subject, tasks, count=count).values()
        spans = [[float(time) for time in str(outcome.result).split()] for outcome in results]
        most = max(sum(begin <= moment < end for begin, end in spans) for moment, _ in spans)
        if most > count:
            raise Broken(f"with workers.count = {count}, {most} tasks run at once.")


def survives_a_task_that_kills_its_process(subject: Subject) -> None:
    """The death of a worker is the outcome of its task, and the others go on."""
    with jobs("dies", "ends", "ends") as tasks:
        results = outcomes(subject, tasks)
    first = results["a"]
    if first.result == BY_CALLER:
        raise NotApplicable("it runs tasks in the process of its caller, which a task can end")
    if not first.died or first.timed_out:
        raise Broken(f"the process of a task dies, and the outcome is {first}.")
    for name in "bc":
        if results[name].result != name:
            raise Broken(f"the process of one task dies, and another task has the outcome {results[name]}.")


def stops_a_task_at_the_time_limit(subject: Subject) -> None:
    """A task that takes longer has an outcome that says so."""
    with jobs("takes long", "ends") as tasks:
        results = outcomes(subject, tasks, time_limit=TIME_LIMIT)
    first = results["a"]
    if first.result == BY_CALLER:
        raise NotApplicable("it runs tasks in the process of its caller, which cannot stop one")
    if first.result == "a":
        raise NotApplicable("it ignores the time limit, as a back end may that cannot stop a task")
    if not first.timed_out:
        raise Broken(f"a task exceeds the time limit, and the outcome is {first}.", mend="yield timed_out=True.")
    if results["b"].result != "b":
        raise Broken(f"a task exceeds the time limit, and another one has the outcome {results['b']}.")


def stops_within_seconds(subject: Subject) -> None:
    """Whatever the tasks do, and no process of them remains."""
    with jobs("ends", "hangs") as (first, second), started(subject) as (backend, workers):
        with blamed_on_plugin("`run`", subject):
            running = backend.run(do, [first, second], workers)
            outcome = next(iter(running))
        if outcome.result == BY_CALLER or first.caller == _process_of(first):
            raise NotApplicable("it runs tasks in the process of its caller, which cannot stop one")
        _wait_until(lambda: bool(_process_of(second)), BEGINS_WITHIN)
        begun = time.monotonic()
        with blamed_on_plugin("`stop`", subject):
            backend.stop()
        seconds = time.monotonic() - begun
        if seconds > STOPS_WITHIN:
            raise Broken(f"`stop` takes {seconds:.0f} seconds while a task runs.")
        process = _process_of(second)
        if process and not _wait_until(lambda: not _is_running(process), STOPS_WITHIN):
            raise Broken("after `stop`, the process of a task is still running.")


def _process_of(job: Job) -> str:
    """The process that has begun a job; empty as long as it is not known."""
    with suppress(OSError):
        return (job.folder / "process").read_text(encoding="utf-8")
    return ""


def _is_running(process: str) -> bool:
    """Whether a process of this machine is running; those of others are taken to have ended."""
    node, _, number = process.rpartition(" ")
    if node != platform.node() or os.name != "posix":
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    return True


def _wait_until(is_so: Callable[[], bool], seconds: float) -> bool:
    """Whether a condition becomes true within some seconds."""
    deadline = time.monotonic() + seconds
    while not (holds := is_so()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return holds


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values)) or "none"


CHECKS = (
    Check(
        "outcomes",
        yields_one_outcome_per_task,
        protects="every task has exactly one outcome, with the result of the function",
        why="a trial without an outcome is missing from the tables, and one with two is counted twice.",
        where="the loop in `run`.",
        mend="yield Outcome(task, function(task)) for each task; `bench new backend NAME` writes a file that works.",
        needed=True,
    ),
    Check(
        "no_tasks",
        does_nothing_without_tasks,
        protects="without tasks it yields nothing, and it can be stopped twice",
        why="`bench run` starts workers while it plans, and often finds that nothing is left to do.",
        where="`prepare`, the beginning of `run`, and `stop`.",
        mend="let `stop` forget what it has ended.",
    ),
    Check(
        "exceptions",
        raises_what_the_function_raises,
        protects="an exception of the function is raised to the caller",
        why="trials record their own failures, so an exception is a defect of `bench`, which must not be hidden.",
        where="what `run` does with an exception from a worker.",
        mend="send the exception to the process of the caller, and raise it there.",
    ),
    Check(
        "files",
        leaves_files_with_the_caller,
        protects="a task continues from the files in its folder, and leaves what it writes there",
        why="trials resume from checkpoints in the run folder, and reports read it.",
        where="how the folder of a task reaches its worker, and how its files come back.",
        mend="without a shared file system, derive from `MessagingBackend` (`bench/execution/remote/engine.py`).",
    ),
    Check(
        "folder",
        starts_in_the_callers_folder,
        protects="tasks run in the folder of the command",
        why="relative paths in a user's plugin must mean the same in every worker.",
        where="how workers are started.",
        mend="call os.chdir in the worker before its first task.",
    ),
    Check(
        "at_once",
        runs_as_many_as_it_is_told,
        protects="no more tasks run at once than `workers.count`",
        why="trials share processors and devices, and their seconds are compared.",
        where="how many workers `run` starts.",
        mend="start a task only when fewer than `workers.count` are running.",
    ),
    Check(
        "deaths",
        survives_a_task_that_kills_its_process,
        protects="the death of a worker is the outcome of its task alone",
        why="one trial that runs out of memory must not take the others with it.",
        where="what `run` does if a worker's process ends without a result.",
        mend="yield Outcome(task, died=why), and run the other tasks in another worker.",
    ),
    Check(
        "time_limit",
        stops_a_task_at_the_time_limit,
        protects="a task that exceeds `workers.time_limit` is stopped, and its outcome says so",
        why="`bench run --timeout` promises that one trial that hangs does not keep the others waiting.",
        where="how `run` waits for results.",
        mend="wait with a timeout, end the worker's process, and yield Outcome(task, timed_out=True).",
    ),
    Check(
        "stops",
        stops_within_seconds,
        protects="`stop` ends running tasks within seconds",
        why="after Ctrl-C nothing may go on training, or two commands would write to the same folder.",
        where="`stop`, and what happens if the caller does not take the remaining outcomes.",
        mend="keep the processes that are running, and end them in `stop`.",
    ),
)
