"""`bench check` names the defect of a back end, and reports nothing for correct ones of other kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.api.checks import check
from bench.api.creation import new
from bench.conformance import backends
from bench.conformance.check import Verdict

PLUGINS = Path(__file__).parent.parent / "plugins"

IN_TURN = """
import os
import tempfile
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool

from bench import Backend, Outcome


class Mine(Backend):
    \"\"\"One task after the other, in this process.\"\"\"

    used = False

    def run(self, function, tasks, workers):
        for task in tasks:
            result = function(task)
            yield Outcome(task, result)
"""

# The text of the lesson, by the check that must fail, and what is replaced above.
IN_THIS_PROCESS = {
    "loses a task": ("outcomes", "yields outcomes of -9, -5, -4, -3, -1", ("in tasks", "in sorted(set(tasks))")),
    "counts a task twice": (
        "outcomes",
        "yields outcomes of",
        ("yield Outcome", "yield Outcome(task, result)\n            yield Outcome"),
    ),
    "yields results": ("outcomes", "must yield Outcome(task, result)", ("yield Outcome(task, result)", "yield result")),
    "takes another task's result": ("outcomes", "abs(-1) is 3", ("function(task)", "function(tasks[0])")),
    "calls all workers dead": ("outcomes", "simply returns", ("Outcome(task, result)", "Outcome(task, died='?')")),
    "expects a task": ("no_tasks", "IndexError", ("for task in tasks", "tasks[0]\n        for task in tasks")),
    "can be stopped once": (
        "no_tasks",
        "ValueError",
        (
            "    def run",
            "    def stop(self):\n        [True].index(not self.used)\n        self.used = True\n\n    def run",
        ),
    ),
    "hides exceptions": (
        "exceptions",
        "raises ZeroDivisionError on a task, and `run` raises nothing",
        ("result = function(task)", "result = (lambda: function(task) if task else None)()"),
    ),
    "raises another exception": (
        "exceptions",
        "`run` raises RuntimeError",
        (
            "result = function(task)",
            (
                "try:\n                result = function(task)\n            except ZeroDivisionError:\n"
                "                raise RuntimeError from None"
            ),
        ),
    ),
    "works on copies": (
        "files",
        "a file of the task should be",
        (
            "function(task)",
            "function(task.moved(type(task.root)(tempfile.mkdtemp())) if hasattr(task, 'root') else task)",
        ),
    ),
    "returns a copy of the task": (
        "files",
        "has the outcome",
        ("Outcome(task,", "Outcome(task.moved(task.root / 'x') if hasattr(task, 'root') else task,"),
    ),
    "works elsewhere": (
        "folder",
        "and its tasks in /",
        (
            "result = function(task)",
            (
                "here = os.getcwd()\n            os.chdir('/')\n            result = function(task)\n"
                "            os.chdir(here)"
            ),
        ),
    ),
    "runs all at once": (
        "at_once",
        "4 tasks run at once",
        (
            "for task in tasks:\n            result = function(task)\n            yield Outcome(task, result)",
            (
                "with ThreadPool(8) as pool:\n"
                "            yield from pool.imap(lambda task: Outcome(task, function(task)), tasks)"
            ),
        ),
    ),
}

# The same for the file that `bench new backend` writes, whose tasks run in processes of their own.
IN_PROCESSES = {
    "raises if a worker dies": (
        "deaths",
        "`run` raises",
        ('return Outcome(task, died="The worker process died.")', "raise"),
    ),
    "does not say that a worker has died": ("deaths", "the outcome is", (', died="The worker process died."', "")),
    "says that a task has died at the time limit": (
        "time_limit",
        "exceeds the time limit, and the outcome is",
        ("timed_out=True", 'died="too slow"'),
    ),
    "does not stop": (
        "stops",
        "still running",
        ("    def stop(self) -> None:", "    def stop(self) -> None:\n        return\n\n    def end(self) -> None:"),
    ),
    "yields all outcomes at the end": (
        "stops",
        "when all tasks have ended",
        ("yield from threads.imap_unordered(", "yield from threads.map("),
    ),
}


def broken(plugin: object) -> dict[str, str]:
    """What broke, by the names of the checks that failed."""
    return {each.check.name: each.what for each in check(str(plugin)) if each.verdict is Verdict.FAILED}


@pytest.mark.parametrize("defect", IN_THIS_PROCESS)
def test_a_defect_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: str) -> None:
    name, words, (before, after) = IN_THIS_PROCESS[defect]
    assert before in IN_TURN
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "wrong.py"
    path.write_text(IN_TURN.replace(before, after), encoding="utf-8")
    what = broken(path)
    assert list(what) == [name]
    assert words in what[name]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of a pool that nothing ends
@pytest.mark.parametrize("defect", IN_PROCESSES)
def test_a_defect_of_its_processes_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, defect: str) -> None:
    name, words, (before, after) = IN_PROCESSES[defect]
    for name_of_seconds, seconds in {"ENDLESS": 5.0, "BEGINS_WITHIN": 4.0, "STOPS_WITHIN": 1.0}.items():
        monkeypatch.setattr(backends, name_of_seconds, seconds)
    monkeypatch.chdir(tmp_path)
    path = new("backend", "wrong")
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")
    failed = [each for each in check(str(path), only=[name]) if each.verdict is Verdict.FAILED]
    assert [each.check.name for each in failed] == [name]
    assert words in failed[0].what


def test_sound_ones_raise_no_alarm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert not broken(f"{PLUGINS / 'backwards.py'}[log={tmp_path / 'log'}]")
    assert [path.name for path in tmp_path.iterdir()] == ["log"], "nothing else is left behind"
