"""Hyperparameters that are still to be chosen, and the candidates that they declare."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from bench import options
from bench.errors import OptionError

AUTO = "auto"  # the value of a hyperparameter that is still to be chosen
TUNING_SAMPLES = 5_000  # training samples that each candidate is tried on

Values = Mapping[str, object]  # hyperparameters by name


def is_open(hyperparameters: object) -> bool:
    """Whether any hyperparameter is still to be chosen; an algorithm may have no hyperparameters."""
    return any(True for _ in _open_fields(hyperparameters))


def _open_fields(hyperparameters: Any) -> Iterator[dataclasses.Field[Any]]:
    """``auto`` without candidates has another meaning, except as a ``learning_rate``."""
    for field in dataclasses.fields(hyperparameters):
        has_candidates = field.metadata.get("candidates") or field.name == "learning_rate"
        if has_candidates and getattr(hyperparameters, field.name) == AUTO:
            yield field


def candidates(hyperparameters: Any) -> list[dict[str, object]]:
    """Return every combination of values that the open hyperparameters may take, as declared by their fields.

    Returns one empty combination if none is open.  Raises OptionError if an open one declares no candidates.

    >>> from bench import Hyperparameters
    >>> candidates(Hyperparameters())
    [{'learning_rate': 0.01}, {'learning_rate': 0.02}, {'learning_rate': 0.1}]
    >>> candidates(Hyperparameters(learning_rate=0.5))
    [{}]
    """
    fields = list(_open_fields(hyperparameters))
    grid = itertools.product(*(_declared(hyperparameters, field) for field in fields))
    return [dict(zip([field.name for field in fields], values, strict=True)) for values in grid]


def _declared(hyperparameters: Any, field: dataclasses.Field[Any]) -> tuple[Any, ...]:
    declared = field.metadata.get("candidates", ())
    optimiser = getattr(hyperparameters, "optimiser", None)
    values = declared.get(optimiser, ()) if isinstance(declared, Mapping) else declared
    if not values:
        raise OptionError(
            f"`{field.name}` of {type(hyperparameters).__name__} is auto, but declares no candidates"
            f"{f' for the optimiser {optimiser!r}' if optimiser else ''}: declare them, as in option('auto', "
            "'step size', candidates=(0.01, 0.1)), or give a number."
        )
    return tuple(values)


def name(candidate: Values) -> str:
    """Return a candidate as it is written on the command line.

    >>> name({"learning_rate": 0.1, "num_samples": 5})
    'learning_rate=0.1,num_samples=5'
    """
    return ",".join(f"{key}={value}" for key, value in as_text(candidate).items())


def as_text(candidate: Values) -> dict[str, str]:
    """Return the values as written on the command line, which is how a choice is stored."""
    return {key: options.text(value) for key, value in candidate.items()}
