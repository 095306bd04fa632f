"""Options of plugins: frozen dataclasses with types and ranges, set by ``name[key=value,...]``.

The hyperparameters of an algorithm and the options of a data set, an architecture, an estimator or a report are all
such dataclasses, so that they share one parser, one check of types and ranges, and one textual form.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, cast

from bench.errors import OptionError, did_you_mean
from bench.values import typed
from bench.values.calls import call
from bench.values.texts import quoted

OptionsT = TypeVar("OptionsT")


@dataclasses.dataclass(frozen=True)
class NoOptions:
    """The options of plugins that have none."""


def option(
    default: Any,
    help: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    above: float | None = None,
    maximum: float | None = None,
    candidates: tuple[float, ...] | Mapping[str, tuple[float, ...]] = (),
    location: bool = False,
    added_later: bool = False,
) -> Any:
    """Declare an option as a dataclass field, with a line of help, a unit and a range.

    The type is the field's annotation: ``int``, ``float``, ``bool``, ``str``, a ``Literal``, or a union of these.
    ``minimum`` and ``maximum`` are inclusive bounds, ``above`` is an exclusive lower bound. ``candidates`` are the
    values that ``auto`` chooses from, or a mapping from the name of the optimiser to such values. A ``default`` of
    ``dataclasses.MISSING`` makes the option required. ``location`` marks a path, whose folder and spelling do not
    affect the identity of a trial. ``added_later`` marks an option whose default is the plugin's earlier behaviour: at
    its default it does not affect the identity of a trial, so that earlier trials keep their ids and random numbers.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Hyperparameters:
        ...     rate: float = option(0.01, "step size", above=0)
        ...     num_samples: int = option(1, "draws of z per datapoint", unit="samples", minimum=1)
        >>> build(Hyperparameters, {"num_samples": "5"}, "mine")
        Hyperparameters(rate=0.01, num_samples=5)
        >>> build(Hyperparameters, {"rate": "0"}, "mine")
        Traceback (most recent call last):
        bench.errors.OptionError: `rate` of mine must be a number above 0 (got '0').
    """
    metadata = {
        "help": help,
        "unit": unit,
        "minimum": minimum,
        "above": above,
        "maximum": maximum,
        "candidates": candidates,
        "location": location,
        "added_later": added_later,
    }
    return dataclasses.field(default=default, metadata=metadata)


def build(cls: type[OptionsT], settings: Mapping[str, object], owner: str) -> OptionsT:
    """Create an instance of the options dataclass ``cls`` from text or typed values.

    ``owner`` is the plugin's name, for messages. Raises OptionError if an option is unknown, missing, has the wrong
    type or is out of range.
    """
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cast(Any, cls))}
    values: dict[str, object] = {}
    for key, given in settings.items():
        if key not in fields:
            raise OptionError(f"{owner} has no option {quoted(key)}.{did_you_mean(key, fields)}")
        values[key] = typed.checked(given, hints[key], fields[key].metadata, f"`{key}` of {owner}")
    missing = [
        name
        for name, f in fields.items()
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and name not in values
    ]
    if missing:
        raise OptionError(f"{owner} needs `{missing[0]}`: write {owner}[{missing[0]}=...].")
    return cls(**values)


def changed(options: OptionsT, settings: Mapping[str, object], owner: str = "") -> OptionsT:
    """Return a copy with other text or typed values.  Raises OptionError as `build` does, for the ``owner``."""
    return build(type(options), {**as_dict(options), **settings}, owner or type(options).__name__)


def as_dict(options: object) -> dict[str, object]:
    """Return all values by name, in the order of declaration."""
    return {f.name: getattr(options, f.name) for f in dataclasses.fields(cast(Any, options))}


def identifying(options: object) -> dict[str, object]:
    """Return the values that identify a trial: all except options added later that have their defaults.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Shape:
        ...     width: int = option(5, "units", minimum=1)
        ...     depth: int = option(1, "layers", minimum=1, added_later=True)
        >>> identifying(Shape()), identifying(Shape(depth=2))
        ({'width': 5}, {'width': 5, 'depth': 2})
    """
    fields = dataclasses.fields(cast(Any, options))
    values = as_dict(options)
    return {f.name: values[f.name] for f in fields if not f.metadata.get("added_later") or values[f.name] != f.default}


def names(cls: type[object]) -> list[str]:
    """Return the names of all options, in the order of declaration."""
    return [f.name for f in dataclasses.fields(cast(Any, cls))]


def defaults(cls: type[object]) -> dict[str, object]:
    """Return the default values by name, without options that are required, are locations or were added later."""
    fields = dataclasses.fields(cast(Any, cls))
    return {
        f.name: f.default
        for f in fields
        if f.default is not dataclasses.MISSING and not f.metadata.get("location") and not f.metadata.get("added_later")
    }


def located(options: object) -> dict[str, str]:
    """Return the last component of each option that is a path, after resolving links.

    Example:
        >>> @dataclasses.dataclass(frozen=True)
        ... class Source:
        ...     path: str = option("", "where", location=True)
        >>> located(Source("./data/../data/x.npy"))
        {'path': 'x.npy'}
    """
    fields = [f for f in dataclasses.fields(cast(Any, options)) if f.metadata.get("location")]
    return {f.name: _last_part(str(getattr(options, f.name))) for f in fields}


def _last_part(path: str) -> str:
    try:
        return Path(path).expanduser().resolve().name
    except (OSError, RuntimeError, ValueError):  # too long, no such user, a NUL: reading it will raise an error
        return Path(path).name


def call_name(name: str, options: object) -> str:
    """Return ``name`` with the options that differ from their defaults, such as ``aevb[num_samples=5]``."""
    fields = dataclasses.fields(cast(Any, options))
    return call(name, {f.name: text(getattr(options, f.name)) for f in fields if getattr(options, f.name) != f.default})


def text(value: object) -> str:
    """Return a value as it is written on the command line."""
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def _listed(candidates: tuple[float, ...] | Mapping[str, tuple[float, ...]]) -> str:
    """List the candidates: "0.01, 0.1", or "0.01, 0.1 with adagrad; 0.001 with adam"."""
    if isinstance(candidates, Mapping):
        return "; ".join(f"{_listed(values)} with {name}" for name, values in candidates.items())
    return ", ".join(text(value) for value in candidates)


@dataclasses.dataclass(frozen=True)
class Described:
    """One option, described for users."""

    name: str
    default: str
    allowed: str
    unit: str
    help: str


def describe(cls: type[object]) -> list[Described]:
    """Describe all options of a dataclass, in the order of declaration."""
    hints = typing.get_type_hints(cls)
    rows = []
    for f in dataclasses.fields(cast(Any, cls)):
        required = f.default is dataclasses.MISSING
        allowed = typed.allowed(hints[f.name], f.metadata)
        if f.metadata.get("candidates"):
            allowed += f" (which chooses among {_listed(f.metadata['candidates'])})"
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
