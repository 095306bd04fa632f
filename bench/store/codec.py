"""Records to and from JSON's plain data, by the fields of their dataclass."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from bench.values.texts import printable, quoted

FEW_CHARACTERS = 200  # certainly few enough for `printable`

RecordT = TypeVar("RecordT")


def to_plain(value: object) -> object:
    """Convert a record to dicts, lists, texts and numbers; fields that are None are omitted.

    Texts that enter the store here, some of which come from plugins, are made `printable`.  `from_plain` does the same
    for records that others have stored.

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
    """Invert `to_plain` for a record of this ``kind``; raises ValueError or TypeError for data that do not match.

    >>> from bench.store.records import TrialRecord
    >>> from_plain(TrialRecord, {"status": "failed", "reason": "no memory"}).status.has_ended
    True
    """
    return cast(RecordT, _reader(cast(Any, kind))(data))


@cache
def _reader(kind: Any) -> Callable[[object], object]:
    """Return a converter of plain data to this ``kind``; it is made once, since inspecting types is slow."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(kind))
    if dataclasses.is_dataclass(kind):
        return _record(cast(type, kind))
    if origin is tuple:
        return _list(kind)
    if origin is not None and issubclass(origin, Mapping):
        return _mapping(kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return cast(Callable[[object], object], kind)
    return _plain_value(kind)


def _record(kind: type) -> Callable[[object], object]:
    hints = get_type_hints(kind)
    left_out = {name: None for name, hint in hints.items() if type(None) in get_args(hint)}
    readers = {name: _reader(hint) for name, hint in hints.items()}
    numbers = {name: _number(hint) for name, hint in hints.items()}

    def read(data: object) -> object:
        if not isinstance(data, dict):
            raise _misfit(data, kind)
        if not data.keys() <= readers.keys():
            raise TypeError(f"unknown field {min(data.keys() - readers.keys())!r}")
        values = {
            name: each if type(each) is numbers[name] else readers[name](each)  # most are numbers
            for name, each in data.items()
        }
        return kind(**(values if len(values) == len(readers) else {**left_out, **values}))

    return read


def _list(kind: Any) -> Callable[[object], object]:
    read_element, number = _reader(get_args(kind)[0]), _number(get_args(kind)[0])

    def read(data: object) -> object:
        if not isinstance(data, list):
            raise _misfit(data, kind, "list")
        return tuple(each if type(each) is number else read_element(each) for each in data)

    return read


def _mapping(kind: Any) -> Callable[[object], object]:
    read_value = _reader(get_args(kind)[1])

    def read(data: object) -> object:
        if not isinstance(data, dict):
            raise _misfit(data, kind)
        return {printable(key): read_value(each) for key, each in data.items()}

    return read


def _one_of(kinds: tuple[Any, ...]) -> Callable[[object], object]:
    """Handle ``int | None`` and the like."""
    (kind,) = (each for each in kinds if each is not type(None))
    read_value, optional = _reader(kind), type(None) in kinds

    def read(data: object) -> object:
        return None if data is None and optional else read_value(data)

    return read


def _plain_value(kind: Any) -> Callable[[object], object]:
    def read(data: object) -> object:
        if type(data) is not kind:
            if kind is float and type(data) is int:
                return float(data)
            raise _misfit(data, kind)
        return data

    def read_text(data: object) -> object:
        if type(data) is not str:
            raise _misfit(data, kind)
        return data if len(data) < FEW_CHARACTERS and data.isprintable() else printable(data)

    return read_text if kind is str else read


def _number(kind: Any) -> type | None:
    """Return the number type of this ``kind``, which may also allow None; its values are read unchanged."""
    kinds = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return next((each for each in (float, int, bool) if each in kinds), None)


def _misfit(data: object, kind: Any, name: str = "") -> TypeError:
    return TypeError(f"{quoted(data)} is not of type {name or getattr(kind, '__name__', kind)}")
