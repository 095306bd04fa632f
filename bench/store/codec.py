"""Records to and from JSON's plain data, by the fields of their dataclass."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from functools import cache
from typing import Any, NoReturn, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from bench.values.texts import printable, quoted

RecordT = TypeVar("RecordT")
Reader = Callable[[object], object]


def to_plain(value: object) -> object:
    """A record as dicts, lists, texts and numbers; fields that are None are left out.

    This is where texts enter the store, some of which plugins have written: they become `printable`.  `from_plain` does
    the same for what others have stored.

    >>> from bench.store.records import TraceRow
    >>> to_plain(TraceRow(100, 1, 200, 0.5, 0.25, objective=-28.0, elbo_test=-27.5))  # doctest: +NORMALIZE_WHITESPACE
    {'samples': 100, 'updates': 1, 'model_evaluations': 200, 'train_seconds': 0.5, 'eval_seconds': 0.25,
    'objective': -28.0, 'elbo_test': -27.5, 'diagnostics': {}, 'estimates': []}
    """
    if dataclasses.is_dataclass(value):
        fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
        return {name: to_plain(content) for name, content in fields if content is not None}
    if isinstance(value, Mapping):
        return {printable(key): to_plain(content) for key, content in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_plain(content) for content in value]
    if isinstance(value, Enum):
        return value.value
    return printable(value) if isinstance(value, str) else value


def from_plain(kind: type[RecordT], data: object) -> RecordT:
    """The inverse of `to_plain` for a record of this ``kind``; raises ValueError or TypeError for data that do not fit.

    >>> from bench.store.records import TrialRecord
    >>> from_plain(TrialRecord, {"status": "failed", "reason": "no memory"}).status.has_ended
    True
    """
    return cast(RecordT, _reader(cast(Hashable, kind))(data))


@cache
def _reader(kind: Any) -> Reader:
    """The function that reads values of a type: made once, because thousands of records have few types."""
    origin, arguments = get_origin(kind), get_args(kind)
    if origin in (Union, types.UnionType):
        (wanted,) = (each for each in arguments if each is not types.NoneType)  # of ``int | None`` and the like
        return _or_none(_reader(wanted))
    if dataclasses.is_dataclass(kind):
        return _record_reader(cast(type, kind))
    if origin is tuple:
        return _list_reader(_reader(arguments[0]))
    if origin is not None and issubclass(origin, Mapping):
        return _mapping_reader(_reader(arguments[1]), origin.__name__)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind
    if kind is str:
        return lambda data: printable(_checked(data, str))
    if kind is float:
        return lambda data: (
            data if type(data) is float else float(data) if type(data) is int else _refused(data, "float")
        )
    return lambda data: _checked(data, kind)


def _record_reader(kind: type) -> Reader:
    hints = get_type_hints(kind)
    readers = {name: _reader(hint) for name, hint in hints.items()}
    left_out = {name: None for name, hint in hints.items() if types.NoneType in get_args(hint)}

    def read(data: object) -> object:
        if not isinstance(data, dict):
            return _refused(data, kind.__name__)
        if not data.keys() <= readers.keys():
            raise TypeError(f"unknown field {min(data.keys() - readers.keys())!r}")
        return kind(**{**left_out, **{name: readers[name](each) for name, each in data.items()}})

    return read


def _or_none(read: Reader) -> Reader:
    return lambda data: None if data is None else read(data)


def _list_reader(read: Reader) -> Reader:
    return lambda data: tuple(map(read, data)) if isinstance(data, list) else _refused(data, "list")


def _mapping_reader(read: Reader, name: str) -> Reader:
    return lambda data: (
        {printable(key): read(each) for key, each in data.items()} if isinstance(data, dict) else _refused(data, name)
    )


def _checked(data: object, kind: type[RecordT]) -> RecordT:
    return data if type(data) is kind else _refused(data, kind.__name__)


def _refused(data: object, wanted: str) -> NoReturn:
    raise TypeError(f"{quoted(data)} is not of type {wanted}")
