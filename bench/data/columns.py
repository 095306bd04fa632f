"""Which columns of a table are values: an index or labels among them are left out by name, or refused."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.errors import DataError, did_you_mean

Array = npt.NDArray[Any]

UNNAMED = re.compile(r"|unnamed: [\d.]+", re.IGNORECASE)  # how pandas writes an index, and reads it back
NOT_VALUES = re.compile(
    r"(.*[_ ])?(index|idx|id|ids|row|labels?|class|classes|targets?|category|species|digit|sample)|y", re.IGNORECASE
)
NUM_SORTED = 8  # rows from which a column of consecutive numbers in any order is an index
MAX_CLASSES = 100


def chosen(drop: str, names: Sequence[str], width: int, path: Path) -> list[int]:
    """Return the columns, from 0, that ``drop`` names; raises DataError if one does not exist or none would be left."""
    if drop in ("auto", "none"):
        return []
    dropped = []
    for name in (part.strip() for part in drop.split(",")):
        if names.count(name) == 1:
            dropped.append(names.index(name))
        elif name.isascii() and name.isdigit() and 1 <= int(name[:9]) <= width:
            dropped.append(int(name) - 1)
        else:
            known = did_you_mean(name, [each for each in names if each]) if names else ""
            raise DataError(
                f"`drop` must name columns of {path}, or give their numbers from 1 to {width} (got '{name}').{known}"
            )
    if len(set(dropped)) == width:
        raise DataError(f"`drop` must leave a column of {path} (got {drop}).")
    return sorted(set(dropped))


def described(column: int, names: Sequence[str]) -> str:
    """A column in words, its number counted from 1."""
    return f"column {column + 1}" + (f" ('{names[column]}')" if names and names[column] else "")


def checked(values: Array, names: Sequence[str], path: Path) -> tuple[Array, list[str]]:
    """Return the values without an unnamed index, and remarks for the user.

    Raises DataError if a column looks like an index or a label by its name or its values.
    """
    index = [i for i, name in enumerate(names) if UNNAMED.fullmatch(name)]
    if index == [0] and values.shape[1] > 1 and _is_distinct(values[:, 0]):
        return _refused(values[:, 1:], names[1:], path, 1), ["left out: column 1, an index without a name"]
    if index:
        raise DataError(f"{path}: {described(index[0], names)} has no name: {_decide(index[0], names)}.")
    return _refused(values, names, path, 0), []


def _refused(values: Array, names: Sequence[str], path: Path, offset: int) -> Array:
    """Return the values if no column looks like something else; ``offset`` columns before them were left out."""
    by_name = [i for i, name in enumerate(names) if NOT_VALUES.fullmatch(name)]
    by_value = _indices(values) or _labels(values)
    for column, what in (*((i, "an index or a label, by its name") for i in by_name), *by_value):
        shown = described(column + offset, [""] * offset + list(names) if names else [])
        raise DataError(f"{path}: {shown} looks like {what}: {_decide(column, names, offset)}.")
    return values


def _decide(column: int, names: Sequence[str], offset: int = 0) -> str:
    name = names[column] if names and names[column] and "," not in names[column] else column + 1 + offset
    return f"leave it out by drop={name}, or keep all columns by drop=none"


def _is_distinct(column: Array) -> bool:
    return (
        bool(np.isfinite(column).all()) and bool((column == np.round(column)).all()) and len(set(column)) == len(column)
    )


def _indices(values: Array) -> list[tuple[int, str]]:
    """Columns of consecutive whole numbers, in order or, in longer tables, in any order."""
    count, width = values.shape
    if count < 4 or width < 2:
        return []
    spans = np.flatnonzero(np.ptp(values, axis=0) == count - 1)
    indices = []
    for i in spans.tolist():
        column = values[:, i] if count < NUM_SORTED else np.sort(values[:, i])
        if (np.diff(column) == 1).all():
            indices.append((i, "an index (consecutive whole numbers)"))
    return indices


def _labels(values: Array) -> list[tuple[int, str]]:
    """Return the first or last column if it contains classes 0 to k or 1 to k and the others are of another kind.

    That is: fractions, numbers more than four times as large, or as many as a square image has pixels.
    """
    count, width = values.shape
    if count < 4 or width < 3:
        return []
    for i in (width - 1, 0):
        column = values[:, i]
        classes = np.unique(column)
        if not 2 <= len(classes) <= MAX_CLASSES or not np.array_equal(classes, classes[0] + np.arange(len(classes))):
            continue
        others = np.delete(values, i, axis=1)
        is_square = len(classes) > 2 and width >= 10 and math.isqrt(width - 1) ** 2 == width - 1
        is_odd = bool((others != np.round(others)).any()) or float(np.max(np.abs(others))) > 4 * max(2.0, classes[-1])
        if classes[0] in (0, 1) and (is_square or is_odd):
            return [(i, f"labels ({classes[0]:g} to {classes[-1]:g}, unlike the others)")]
    return []
