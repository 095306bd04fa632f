"""Records to and from JSON's plain data, by the fields of their dataclass."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from bench.values.texts import printable, quoted

RecordT = TypeVar("RecordT")


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
    return cast(RecordT, _filled(kind, data))


def _filled(kind: Any, data: object) -> object:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _one_of(get_args(kind), data)
    if dataclasses.is_dataclass(kind) and isinstance(data, dict):
        hints = _hints(cast(type, kind))
        unknown = data.keys() - hints.keys()
        if unknown:
            raise TypeError(f"unknown field {min(unknown)!r}")
        left_out = {name: None for name, hint in hints.items() if type(None) in get_args(hint)}
        return cast(Any, kind)(**{**left_out, **{name: _filled(hints[name], each) for name, each in data.items()}})
    if origin is tuple and isinstance(data, list):
        return tuple(_filled(get_args(kind)[0], content) for content in data)
    if origin is not None and issubclass(origin, Mapping) and isinstance(data, dict):
        return {printable(key): _filled(get_args(kind)[1], content) for key, content in data.items()}
    if isinstance(kind, type) and issubclass(kind, Enum):
        return kind(data)
    if kind is float and type(data) is int:
        return float(data)
    if type(data) is not kind:
        wanted = "list" if origin is tuple else getattr(kind, "__name__", kind)
        raise TypeError(f"{quoted(data)} is not of type {wanted}")
    return printable(data) if isinstance(data, str) else data


@cache
def _hints(record: type) -> Mapping[str, Any]:
    """The types of a record's fields; finding them takes longer than reading a row of a trace."""
    return get_type_hints(record)


def _one_of(kinds: tuple[Any, ...], data: object) -> object:
    """Handle ``int | None`` and the like."""
    if data is None and type(None) in kinds:
        return None
    (kind,) = (each for each in kinds if each is not type(None))
    return _filled(kind, data)
