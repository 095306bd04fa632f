"""Checks of a back end, with small tasks; some of them die, hang or take time."""

from __future__ import annotations

import os
import platform
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from bench.conformance.check import Broken, Check, NotApplicable
from bench.conformance.jobs import BY_CALLER, Done, Job, run_job, this_process
from bench.conformance.subject import Subject
from bench.conformance.tiny import blamed_on_plugin
from bench.execution.backend import Backend, Outcome, Workers

NUMBERS = [-3, -1, -4, -1, -5, -9]
SHORT, LONG, ENDLESS = 0.2, 20.0, 60.0  # seconds of a task
TIME_LIMIT = 6.0  # seconds
BEGINS_WITHIN = 5.0  # seconds, of a task that runs beside another one
STOPS_WITHIN = 30.0  # seconds


@contextmanager
def started(subject: Subject) -> Iterator[tuple[Backend, Workers]]:
    """The back end, which is stopped afterwards, and as many workers as it can have, but at most two."""
    with blamed_on_plugin("creating or stopping it", subject), subject.make() as backend:
        yield backend, Workers(count=min(2, backend.max_workers or 2))


@contextmanager
def temporary_root() -> Iterator[Path]:
    """A folder inside the current one, if possible: all nodes of a cluster with a shared file system can see it."""
    where = Path.cwd() if os.access(Path.cwd(), os.W_OK) else None
    with tempfile.TemporaryDirectory(dir=where, prefix=".bench-check-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def results(
    subject: Subject, tasks: Sequence[Job], *, count: int | None = None, time_limit: float | None = None
) -> dict[str, Outcome[Job, Done]]:
    """The outcome of each job, by its name; raises Broken if there is not exactly one."""
    with started(subject) as (backend, usual), blamed_on_plugin("`run`", subject):
        workers = replace(usual, count=count or usual.count, time_limit=time_limit)
        every = list(backend.run(run_job, tasks, workers))
    _check_tasks([task.name for task in tasks], [outcome.task.name for outcome in every])
    return {outcome.task.name: outcome for outcome in every}


def yields_one_outcome_per_task(subject: Subject) -> None:
    """Each task has one outcome with the function's result, even if tasks are equal."""
    with started(subject) as (backend, workers), blamed_on_plugin("`run`", subject):
        every: list[Outcome[int, int]] = list(backend.run(abs, NUMBERS, workers))
    wrong = next((each for each in every if not isinstance(each, Outcome)), None)
    if wrong is not None:
        raise Broken(f"`run` yields {wrong!r}: it must yield Outcome(task, result).")
    _check_tasks(NUMBERS, [each.task for each in every])
    for each in every:
        if each.died or each.timed_out:
            raise Broken(f"it calls a function that simply returns, and yields {each}.")
        if each.result != abs(each.task):
            raise Broken(f"abs({each.task}) is {each.result!r} in the outcome.")


def does_nothing_without_tasks(subject: Subject) -> None:
    """`run` yields nothing, workers that were started in advance are stopped, and stopping again does nothing."""
    with started(subject) as (backend, workers), blamed_on_plugin("`prepare`, `run` without tasks, or `stop`", subject):
        backend.prepare(workers)
        every: list[Outcome[int, int]] = list(backend.run(abs, [], workers))
        backend.stop()
        backend.stop()
    if every:
        raise Broken(f"without tasks it yields {every[0]}.")


def raises_what_the_function_raises(subject: Subject) -> None:
    """`run` raises an exception of the function."""
    with started(subject) as (backend, workers), blamed_on_plugin("`run`", subject):
        try:
            every = list(backend.run(partial(divmod, 1), [2, 0], workers))
        except ZeroDivisionError:
            return
    raise Broken(f"the function raises ZeroDivisionError on a task, and `run` raises nothing but yields {every}.")


def leaves_files_with_the_caller(subject: Subject) -> None:
    """A task continues from the files in its folder, and its caller finds there what it has written."""
    with temporary_root() as root:
        first, second = (Job(root, name, this_process()) for name in "ab")
        first.folder.mkdir(parents=True)
        (first.folder / "status").write_text("earlier ", encoding="utf-8")
        outcomes = results(subject, [second, first])
        for job, status in ((first, "earlier a"), (second, "b")):
            outcome = outcomes[job.name]
            if outcome.task != job or not _is_done(outcome):
                raise Broken(f"the task {job} has the outcome {outcome}.")
            file = job.folder / "status"
            content = file.read_text(encoding="utf-8") if file.exists() else "missing"
            if content != status:
                raise Broken(f"a file of the task should be {status!r} at its end, and is {content!r}.")


def starts_in_the_callers_folder(subject: Subject) -> None:
    """A task runs in the working directory of its caller."""
    with started(subject) as (backend, workers), blamed_on_plugin("`run`", subject):
        (outcome,) = backend.run(os.path.realpath, ["."], workers)
    here = os.path.realpath(".")
    if outcome.result != here:
        raise Broken(f"the command runs in {here}, and its tasks in {outcome.result}.")


def runs_as_many_as_it_is_told(subject: Subject) -> None:
    """There are never more tasks running than workers."""
    if subject.cls.is_remote:
        raise NotApplicable("how many tasks a cluster runs at once depends on its size")
    for count in {1, min(2, subject.cls.max_workers or 2)}:
        with temporary_root() as root:
            tasks = [Job(root, name, this_process(), seconds=SHORT) for name in "abcd"]
            outcomes = results(subject, tasks, count=count).values()
        done = [outcome.result for outcome in outcomes if outcome.result is not None]
        if len(done) < len(tasks):
            raise Broken(f"tasks that simply return have the outcomes {_list(outcomes)}.")
        most = max(sum(each.began <= one.began < each.ended for each in done) for one in done)
        if most > count:
            raise Broken(f"with workers.count = {count}, {most} tasks run at once.")


def survives_a_task_that_kills_its_process(subject: Subject) -> None:
    """The death of a worker is the outcome of its task, and the others go on."""
    with temporary_root() as root:
        tasks = [Job(root, name, this_process(), is_deadly=name == "a") for name in "abc"]
        outcomes = results(subject, tasks)
    first = outcomes["a"]
    if _is_by_caller(first):
        raise NotApplicable("it runs tasks in the process of its caller, which a task can end")
    if not first.died or first.timed_out:
        raise Broken(f"the process of a task dies, and the outcome is {first}.")
    for name in "bc":
        if not _is_done(outcomes[name]):
            raise Broken(f"the process of one task dies, and another task has the outcome {outcomes[name]}.")


def stops_a_task_at_the_time_limit(subject: Subject) -> None:
    """A task that takes longer is stopped, its outcome says so, and the others go on."""
    with temporary_root() as root:
        tasks = [Job(root, "a", this_process(), seconds=LONG), Job(root, "b", this_process())]
        outcomes = results(subject, tasks, time_limit=TIME_LIMIT)
    first, second = outcomes["a"], outcomes["b"]
    if _is_by_caller(first):
        raise NotApplicable("it runs tasks in the process of its caller, which cannot stop one")
    if _is_done(first):
        raise NotApplicable("it ignores the time limit, which is allowed if a back end cannot stop tasks")
    if not first.timed_out:
        raise Broken(f"a task exceeds the time limit, and the outcome is {first}.", mend="yield timed_out=True.")
    if not _is_done(second):
        raise Broken(f"a task exceeds the time limit, and another one has the outcome {second}.")


def stops_within_seconds(subject: Subject) -> None:
    """`stop` returns within STOPS_WITHIN seconds and leaves no process of a task running.

    On Windows, and on other machines, whether a process is running is not known.
    """
    with temporary_root() as root, started(subject) as (backend, workers):
        first, second = Job(root, "a", this_process()), Job(root, "b", this_process(), seconds=ENDLESS)
        with blamed_on_plugin("`run`", subject):
            running = iter(backend.run(run_job, [first, second], workers))
            begun = time.monotonic()
            outcome = next(running)
        if time.monotonic() - begun > ENDLESS:
            raise Broken("it yields the first outcome when all tasks have ended.", mend="yield each when it arrives.")
        if outcome.task == second or _process_of(first) == this_process():
            raise NotApplicable("it runs tasks in the process of its caller, which cannot stop one")
        if not _wait_until(lambda: bool(_process_of(second)), BEGINS_WITHIN) and not backend.is_remote:
            raise NotApplicable("it begins no second task before the caller asks for its outcome")
        begun = time.monotonic()
        with blamed_on_plugin("`stop`", subject):
            backend.stop()
        seconds = time.monotonic() - begun
        if seconds > STOPS_WITHIN:
            raise Broken(f"`stop` takes {seconds:.0f} seconds while a task runs.")
        process = _process_of(second)
        if process and not _wait_until(lambda: not _is_running(process), STOPS_WITHIN):
            os.kill(int(process.rpartition(" ")[2]), signal.SIGKILL)
            raise Broken("after `stop`, the process of a task is still running.")


def _check_tasks(given: Sequence[object], yielded: Sequence[object]) -> None:
    if Counter(yielded) != Counter(given):
        raise Broken(f"of the tasks {_list(given)}, it yields outcomes of {_list(yielded)}.")


def _is_done(outcome: Outcome[Job, Done]) -> bool:
    return outcome.result is not None and outcome.result.name == outcome.task.name


def _is_by_caller(outcome: Outcome[Job, Done]) -> bool:
    return outcome.result is not None and outcome.result.name == BY_CALLER


def _process_of(job: Job) -> str:
    """The process that has begun a job; empty as long as it is not known."""
    with suppress(OSError):
        return (job.folder / "process").read_text(encoding="utf-8")
    return ""


def _is_running(process: str) -> bool:
    """Whether a process of this machine is running, as far as is known; one that has ended may await its parent."""
    node, _, number = process.rpartition(" ")
    if node != platform.node() or os.name != "posix":
        return False
    try:
        os.kill(int(number), 0)
        return Path("/proc", number, "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, PermissionError):  # it has ended, and its number may belong to somebody else now
        return False
    except FileNotFoundError:  # without /proc, or it has ended just now
        return not Path("/proc/self").exists()


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
