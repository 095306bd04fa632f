"""Values of the types and ranges that options declare: converted from text, checked, and described in words."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping
from typing import Any, Literal, Union, get_args, get_origin

from bench.errors import OptionError
from bench.values.numerals import LARGEST_INTEGER, plain_scalar, read_number, read_whole_number, whole_number
from bench.values.texts import is_plain, quoted


def checked(given: object, hint: Any, metadata: Mapping[str, Any], name: str) -> object:
    """Convert ``given`` to the annotated type and check its range; ``name`` is used in messages."""
    given = plain_scalar(given)
    for kind in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        value = _converted(given, kind)
        if value is not None:
            break
    else:
        raise OptionError(f"{name} must be {allowed(hint, metadata)} (got {quoted(given)}).")
    if isinstance(value, int) and abs(value) > LARGEST_INTEGER:
        metadata = {"maximum": LARGEST_INTEGER, **{key: each for key, each in metadata.items() if each is not None}}
    if isinstance(value, (int, float)) and not isinstance(value, bool) and _is_outside(value, metadata):
        raise OptionError(f"{name} must be {allowed(hint, metadata)} (got {quoted(given)}).")
    return value


def _is_outside(value: float, metadata: Mapping[str, Any]) -> bool:
    low, above, high = metadata.get("minimum"), metadata.get("above"), metadata.get("maximum")
    return (
        (isinstance(value, float) and not math.isfinite(value))
        or (low is not None and value < low)
        or (above is not None and value <= above)
        or (high is not None and value > high)
    )


def _converted(given: object, kind: Any) -> object:
    """Convert ``given`` to the type ``kind``; None if that is impossible."""
    if get_origin(kind) is Literal:
        return given if isinstance(given, (str, int, float)) and given in get_args(kind) else None
    if kind is str:
        return given if isinstance(given, str) and is_plain(given) else None
    if kind is bool:
        if isinstance(given, bool):
            return given
        words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
        return words.get(str(given).lower()) if isinstance(given, (str, int)) else None
    if kind is int:
        return read_whole_number(given) if isinstance(given, str) else whole_number(given)
    return read_number(given) if kind is float else None


def allowed(hint: Any, metadata: Mapping[str, Any]) -> str:
    """Describe the allowed values in words: "an integer of at least 1" or "'a' or 'b'"."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(allowed(kind, metadata) for kind in get_args(hint))
    if get_origin(hint) is Literal:
        return " or ".join(repr(v) for v in get_args(hint))
    words = {int: "an integer", float: "a number", bool: "true or false", str: "text"}[hint]
    if hint in (int, float):
        if metadata.get("minimum") is not None:
            words += f" of at least {metadata['minimum']:g}"
        if metadata.get("above") is not None:
            words += f" above {metadata['above']:g}"
        if metadata.get("maximum") is not None:
            words += f" and at most {metadata['maximum']:g}"
    return words
