"""Code that is not shipped with the project is run by a worker, so that whatever it does there is one message here."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import Generic, TypeVar, cast

from bench import errors, plugins
from bench.errors import PluginError, UsageError, in_words
from bench.execution import interruption
from bench.execution.backend import Backend, Outcome, Workers
from bench.plugins import PluginRef
from bench.process import state as process_state
from bench.studies.spec import Choice

TaskT = TypeVar("TaskT")
ResultT = TypeVar("ResultT")

IMPORT_SECONDS = 60.0  # for a plugin's file
PATIENCE = 600.0  # seconds for what a user may have asked for, such as loading a large data set


@dataclass(frozen=True)
class Code:
    """A plugin as a user names it, and whether it is foreign: a user's file, another package's, or uses one."""

    plugin: PluginRef
    is_foreign: bool

    @classmethod
    def parse(cls, kind: str, text: str) -> Code:
        """Parse it without importing anything; raises what `plugins.resolve` raises."""
        plugin, settings = plugins.resolve(kind, text)
        return cls._with(plugin, settings.values())

    @classmethod
    def of(cls, choice: Choice) -> Code:
        """The code of a plugin with its options."""
        return cls._with(choice.plugin, [value for _, value in choice.settings])

    @classmethod
    def _with(cls, plugin: PluginRef, settings: Iterable[object]) -> Code:
        return cls(plugin, plugin.is_foreign(settings))


def call(
    function: Callable[[TaskT], ResultT],
    task: TaskT,
    code: Iterable[Code],
    backend: Backend,
    workers: Workers,
    *,
    doing: str,
) -> ResultT:
    """Return ``function(task)``, computed by a worker if the ``code`` is foreign; ``doing`` describes the call.

    Shipped code runs in this process, which is faster while workers are starting.  ``function``, ``task`` and the
    result must be picklable.  The time limit is that of the ``workers``, or PATIENCE seconds.

    Raises UsageError: the function's own, one that names a plugin whose file cannot be imported, or one for any other
    failure: another exception, the death of the worker, or exceeding the time limit.
    """
    foreign = list(dict.fromkeys(each.plugin for each in code if each.is_foreign))
    if not foreign:
        return function(task)
    limit = min(IMPORT_SECONDS, workers.time_limit or IMPORT_SECONDS)
    for imported in backend.run(partial(_answered, _import), foreign, replace(workers, time_limit=limit)):
        _result(imported, f"import {_in_words(imported.task)}", limit)
    limit = workers.time_limit or PATIENCE
    (outcome,) = backend.run(partial(_answered, function), [task], replace(workers, time_limit=limit))
    return _result(outcome, doing, limit, "; --timeout sets this limit")


@dataclass(frozen=True)
class _Answer(Generic[ResultT]):
    """The result of a function, or the class (of `bench.errors`) and the message of its error."""

    result: ResultT | None = None
    error: tuple[str, str] | None = None


def _answered(function: Callable[[TaskT], ResultT], task: TaskT) -> _Answer[ResultT]:
    """In a worker: call the function.  A foreign exception could not be sent back, since its class is foreign too."""
    try:
        with process_state.preserved():
            return _Answer(function(task))
    except UsageError as error:
        known = next(each for each in type(error).__mro__ if each.__module__ == errors.__name__)
        return _Answer(error=(known.__name__, str(error)))
    except BaseException as error:  # foreign code may raise anything
        if interruption.is_by_user(error):
            raise
        return _Answer(error=("", f"{in_words(error)}{_place(error)}"))


def _result(outcome: Outcome[TaskT, _Answer[ResultT]], doing: str, limit: float, hint: str = "") -> ResultT:
    if outcome.timed_out:
        raise PluginError(f"Cannot {doing}: it takes longer than {limit:g} s{hint}.")
    if outcome.result is None:
        raise PluginError(f"Cannot {doing}: {outcome.died}")
    if outcome.result.error is not None:
        name, message = outcome.result.error
        kind = cast(type[UsageError], getattr(errors, name, UsageError))
        raise kind(message) if name else PluginError(f"Cannot {doing}: {message}")
    return cast(ResultT, outcome.result.result)


def _import(plugin: PluginRef) -> None:
    plugin.load()


def _in_words(plugin: PluginRef) -> str:
    return f"the {plugin.kind} file {plugin.file}" if plugin.file else f"the {plugin.kind} {plugin.name}"


def _place(error: BaseException) -> str:
    """The place where it was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    return f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
