"""Checks of arguments that several functions of the API have."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from bench.errors import OptionError
from bench.execution.execution import Execution
from bench.values.calls import split_list
from bench.values.texts import quoted

ChoiceT = TypeVar("ChoiceT", bound=str)


def names(argument: str, value: object) -> tuple[str, ...]:
    """Names as a tuple, from a list of strings or a comma-separated string; commas inside brackets do not separate.

    >>> names("likelihood", "ais,importance[num_samples=50,proposal=encoder]")
    ('ais', 'importance[num_samples=50,proposal=encoder]')
    """
    if isinstance(value, str):
        return tuple(split_list(value))
    listed = tuple(value) if isinstance(value, Iterable) else (value,)
    for each in listed:
        if not isinstance(each, str):
            raise OptionError(f"`{argument}` must be names, such as 'a,b' or ['a', 'b'] (got {quoted(value)}).")
    return listed


def one_of(argument: str, value: ChoiceT, known: Iterable[str]) -> ChoiceT:
    """The value, if it is one of the known ones."""
    *others, last = known
    if value not in (*others, last):
        raise OptionError(f"`{argument}` must be {', '.join(others)} or {last} (got {quoted(value)}).")
    return value


def execution_or_default(execution: object) -> Execution:
    """The given execution, or the default one for None."""
    if execution is None:
        return Execution()
    if not isinstance(execution, Execution):
        raise OptionError(
            f"`execution` must be a bench.Execution, such as Execution(jobs=2) (got {quoted(execution)})."
        )
    return execution
