"""Every back end satisfies the contract."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from bench import plugins
from bench.execution.backend import Backend, Workers
from bench.plugins import PluginRef

TASKS = [3, 1, 4, 1, 5, 9]

every = pytest.mark.parametrize("plugin", plugins.find("backend").values(), ids=lambda plugin: plugin.name)


def backend(plugin: PluginRef) -> Backend:
    made: Backend = plugin.load()()
    return made


def workers(made: Backend) -> Workers:
    return Workers(count=min(2, made.max_workers or 2))


@every
def test_every_task_has_one_outcome(plugin: PluginRef) -> None:
    with backend(plugin) as made:
        outcomes = list(made.run(abs, [-task for task in TASKS], workers(made)))
    assert sorted(outcome.task for outcome in outcomes) == sorted(-task for task in TASKS)
    assert all(outcome.result == -outcome.task and not outcome.died for outcome in outcomes)


@every
def test_no_task_is_no_outcome(plugin: PluginRef) -> None:
    with backend(plugin) as made:
        made.prepare(workers(made))
        assert list(made.run(abs, [], workers(made))) == []
        made.stop()
        made.stop()


@every
def test_an_exception_of_the_function_is_raised_to_the_caller(plugin: PluginRef) -> None:
    with pytest.raises(ZeroDivisionError), backend(plugin) as made:
        list(made.run(partial(divmod, 1), [*TASKS, 0], workers(made)))  # a worker can import what it calls


@every
def test_workers_start_in_the_callers_folder(
    plugin: PluginRef, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with backend(plugin) as made:
        (outcome,) = made.run(os.path.realpath, ["."], workers(made))
    assert outcome.result == str(tmp_path.resolve())
