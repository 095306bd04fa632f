"""Options as frozen dataclasses: declared with types and ranges, set by ``name[key=value,...]``.

An algorithm's hyperparameters, a data set's options, a model's and an estimator's settings all are one such
dataclass, so that one parser checks them, one printer shows them and one encoding identifies them.
"""

from __future__ import annotations

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin

from bench.errors import OptionError, did_you_mean

OptionsT = TypeVar("OptionsT")


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """For plugins that have nothing to set."""


def option(
    default: Any,
    help: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    candidates: tuple[float, ...] | Mapping[str, tuple[float, ...]] = (),
) -> Any:
    """A dataclass field with its line of help, unit and range; the type is the field's annotation.

    ``minimum`` and ``maximum`` are allowed values, ``above`` is not; ``candidates`` are what ``auto`` chooses among, by
    the name of the optimiser where they depend on it.
    A ``default`` of ``dataclasses.MISSING`` makes the option a required one.
    """
    about = {
        "help": help,
        "unit": unit,
        "minimum": minimum,
        "above": above,
        "maximum": maximum,
        "candidates": candidates,
    }
    return dataclasses.field(default=default, metadata=about)


def split_list(text: str) -> list[str]:
    """``"a[x=1,y=2],b"`` -> ``["a[x=1,y=2]", "b"]``: commas inside brackets belong to what stands before them."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if char == "," and depth == 0:
            parts.append(text[start:i].strip())
            start = i + 1
    parts.append(text[start:].strip())
    if depth != 0:
        raise OptionError(f"Brackets do not match in {text!r}: write name[key=value,...].")
    if not all(parts):
        raise OptionError(f"An empty entry in the list {text!r}: separate entries by single commas.")
    return parts


def parse_call(text: str) -> tuple[str, dict[str, str]]:
    """``"aevb[num_samples=5]"`` -> ``("aevb", {"num_samples": "5"})``."""
    name, bracket, rest = text.strip().partition("[")
    if not name or (bracket and not rest.endswith("]")):
        raise OptionError(f"Cannot read {text!r}: write name or name[key=value,...].")
    settings: dict[str, str] = {}
    for part in split_list(rest[:-1]) if bracket and rest != "]" else []:
        key, equals, value = part.partition("=")
        if not equals or not key.strip() or not value.strip():
            raise OptionError(f"Cannot read {part!r} in {text!r}: write key=value.")
        if key.strip() in settings:
            raise OptionError(f"{key.strip()!r} is set twice in {text!r}.")
        settings[key.strip()] = value.strip()
    return name.strip(), settings


def build(cls: type[OptionsT], settings: Mapping[str, object], owner: str) -> OptionsT:
    """An instance of the options dataclass ``cls`` from text or typed values.

    Raises OptionError for an unknown, ill-typed or out-of-range option; ``owner`` names whose option it is.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cast(Any, cls))}
    values: dict[str, object] = {}
    for key, given in settings.items():
        if key not in fields:
            raise OptionError(f"{owner} has no option {key!r}.{did_you_mean(key, fields)}")
        values[key] = _checked(given, hints[key], fields[key].metadata, f"`{key}` of {owner}")
    missing = [
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and name not in values
    ]
    if missing:
        raise OptionError(f"{owner} needs `{missing[0]}`: write {owner}[{missing[0]}=...].")
    return cls(**values)


def _checked(given: object, hint: Any, about: Mapping[str, Any], where: str) -> object:
    """``given`` converted to the annotated type and held against its range."""
    for kind in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        value = _converted(given, kind)
        if value is not None:
            break
    else:
        raise OptionError(f"{where} must be {_spelled(hint, about)} (got {_shown(given)}).")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        low, above, high = about.get("minimum"), about.get("above"), about.get("maximum")
        outside = (
            not math.isfinite(value)
            or (low is not None and value < low)
            or (above is not None and value <= above)
            or (high is not None and value > high)
        )
        if outside:
            raise OptionError(f"{where} must be {_spelled(hint, about)} (got {_shown(given)}).")
    return value


def _converted(given: object, kind: Any) -> object:
    """``given`` as ``kind``, or None where it is not one."""
    if get_origin(kind) is Literal:
        return given if given in get_args(kind) else None
    if kind is str:
        return given if isinstance(given, str) else None
    if kind is bool:
        if isinstance(given, bool):
            return given
        return {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}.get(str(given).lower())
    if isinstance(given, bool):
        return None
    try:
        number = float(cast(Any, given))
    except (TypeError, ValueError):
        return None
    if kind is int:
        if not number.is_integer():
            return None
        return int(given) if isinstance(given, (int, str)) and str(given).lstrip("+-").isdigit() else int(number)
    return number if kind is float else None


def _spelled(hint: Any, about: Mapping[str, Any]) -> str:
    """What is allowed, in words: "an integer of at least 1" or "'a' or 'b'"."""
    if get_origin(hint) in (Union, types.UnionType):
        return " or ".join(_spelled(kind, about) for kind in get_args(hint))
    if get_origin(hint) is Literal:
        return " or ".join(repr(v) for v in get_args(hint))
    words = {int: "an integer", float: "a number", bool: "true or false", str: "a text"}[hint]
    if hint in (int, float):
        if about.get("minimum") is not None:
            words += f" of at least {about['minimum']:g}"
        if about.get("above") is not None:
            words += f" above {about['above']:g}"
        if about.get("maximum") is not None:
            words += f" and at most {about['maximum']:g}"
    return words


def _shown(given: object) -> str:
    return repr(given) if not isinstance(given, str) else f"'{given}'"


def as_dict(options: object) -> dict[str, Any]:
    """All values by name, in the order of declaration."""
    return {f.name: getattr(options, f.name) for f in dataclasses.fields(cast(Any, options))}


def names(cls: type[object]) -> list[str]:
    """The names of an options dataclass, in the order of declaration."""
    return [f.name for f in dataclasses.fields(cast(Any, cls))]


def call_name(name: str, options: object) -> str:
    """``name`` with the options that differ from their defaults: ``aevb[num_samples=5]``."""
    changed = [
        f"{f.name}={text(getattr(options, f.name))}"
        for f in dataclasses.fields(cast(Any, options))
        if getattr(options, f.name) != f.default
    ]
    return f"{name}[{','.join(changed)}]" if changed else name


def text(value: object) -> str:
    """A value as it is written on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _listed(candidates: tuple[float, ...] | Mapping[str, tuple[float, ...]]) -> str:
    """The candidates in words: "0.01, 0.1", or "0.01, 0.1 with adagrad; 0.001 with adam"."""
    if isinstance(candidates, Mapping):
        return "; ".join(f"{_listed(values)} with {name}" for name, values in candidates.items())
    return ", ".join(text(value) for value in candidates)


@dataclasses.dataclass(frozen=True)
class Described:
    """One option as it is shown to a user."""

    name: str
    default: str
    allowed: str
    unit: str
    help: str


def describe(cls: type[object]) -> list[Described]:
    """The options of a dataclass, in the order of declaration."""
    hints = typing.get_type_hints(cls)
    rows = []
    for f in dataclasses.fields(cast(Any, cls)):
        required = f.default is dataclasses.MISSING
        allowed = _spelled(hints[f.name], f.metadata)
        if f.metadata.get("candidates"):
            allowed += f" (chooses among {_listed(f.metadata['candidates'])})"
        rows.append(
            Described(
                name=f.name,
                default="required" if required else text(f.default),
                allowed=allowed,
                unit=f.metadata.get("unit", ""),
                help=f.metadata.get("help", ""),
            )
        )
    return rows
