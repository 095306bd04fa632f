"""Allowed values of the fields of a study: as users write them, and as a study stores them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from bench.errors import OptionError
from bench.values.calls import split_list
from bench.values.numerals import LARGEST_INTEGER, read_whole_number, whole_number
from bench.values.texts import is_plain, quoted

MOST_TRIALS = 100_000

TEXTS = ("dataset", "model", "decoder", "tune")
FLAGS = ("resample_train",)
# The least and the largest value; wider networks than these do not fit into any memory.
LISTS_OF_NUMBERS = {
    "z": (1, 100_000),
    "n_train": (0, LARGEST_INTEGER),
    "seeds": (0, LARGEST_INTEGER),
    "likelihood_marks": (1, LARGEST_INTEGER),
}
NUMBERS = {
    "hidden": (0, 100_000),
    "budget": (1, LARGEST_INTEGER),
    "eval_points": (0, LARGEST_INTEGER),
    "likelihood_points": (0, LARGEST_INTEGER),
}
ALL = "all"  # how users may write 0 in fields that count datapoints
COUNTS_OF_POINTS = ("eval_points", "likelihood_points")


def checked(given: Mapping[str, object]) -> dict[str, object]:
    """Return the fields of a study, with lists as tuples and numbers as integers; ``seeds`` 3 stands for 0, 1 and 2.

    A number of datapoints may be ``all``, which is stored as 0.

    Numbers may be Python or NumPy numbers or texts, and 1e6 means a million; lists may be arrays or comma-separated
    texts.
    Raises OptionError for values that no trial could use.

    >>> checked({"seeds": 3}), checked({"z": "3,10"}), checked({"budget": 1e6})
    ({'seeds': (0, 1, 2)}, {'z': (3, 10)}, {'budget': 1000000})
    """
    fields: dict[str, object] = {}
    num_trials = 1
    for name, value in given.items():
        if name in NUMBERS:
            fields[name] = 0 if _is_all(name, value) else _number(name, value, *NUMBERS[name])
        elif name in TEXTS:
            fields[name] = _text(name, value)
        elif name in FLAGS:
            fields[name] = _flag(name, value)
        else:
            entries = _seeds(value) if name == "seeds" else _entries(name, value)
            num_trials *= 1 if name in ("likelihood", "likelihood_marks") else len(entries)
            fields[name] = entries
    if num_trials > MOST_TRIALS:
        raise OptionError(f"A study may have at most {MOST_TRIALS:,} trials (got {num_trials:,}): divide it.")
    return fields


def _is_all(name: str, value: object) -> bool:
    return name in COUNTS_OF_POINTS and isinstance(value, str) and value.strip() == ALL


def _seeds(value: object) -> tuple[object, ...]:
    """Parse a number of seeds, counted from 0, or a list of seeds; a text may be either, and ``3,`` is a list."""
    if isinstance(value, str) and "," in value:
        return _entries("seeds", value.rstrip(", "))
    number = read_whole_number(value) if isinstance(value, str) else whole_number(value)
    if number is None:
        return _entries("seeds", value)
    return tuple(range(_number("seeds", number, 1, MOST_TRIALS)))


def _entries(name: str, value: object) -> tuple[object, ...]:
    """Return a list as a tuple of valid entries; a single value counts as a list with one entry."""
    listed = _listed(value)
    if len(listed) > MOST_TRIALS:
        raise OptionError(f"`{name}` may have at most {MOST_TRIALS:,} values (got {len(listed):,}).")
    if not listed and name != "likelihood_marks":
        raise OptionError(f"`{name}` is empty: give at least one value.")
    if name in LISTS_OF_NUMBERS:
        entries: tuple[object, ...] = tuple(_number(name, entry, *LISTS_OF_NUMBERS[name]) for entry in listed)
    else:
        entries = tuple(_text(name, entry) for entry in listed)
    if len(set(entries)) != len(entries):
        raise OptionError(f"`{name}` must not repeat a value (got {', '.join(map(quoted, entries[:20]))}).")
    return entries


def _listed(value: object) -> list[object]:
    if hasattr(value, "tolist"):  # arrays of NumPy, PyTorch and pandas
        value = value.tolist()
    if isinstance(value, str):
        return [*split_list(value)]
    return [*value] if isinstance(value, Iterable) and not isinstance(value, (Mapping, bytes)) else [value]


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not is_plain(value):
        raise OptionError(f"`{name}` must be text such as 'name[key=value]', in one line (got {quoted(value)}).")
    return value


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise OptionError(f"`{name}` must be true or false (got {quoted(value)}).")
    return value


def _number(name: str, value: object, least: int, most: int) -> int:
    number = read_whole_number(value) if isinstance(value, str) else whole_number(value)
    if number is None or number < least:
        or_all = f", 0 or {ALL} for all of them" if name in COUNTS_OF_POINTS else ""
        raise OptionError(f"`{name}` must be an integer of at least {least}{or_all} (got {quoted(value)}).")
    if number > most:
        raise OptionError(f"`{name}` must be an integer of at most {most:,} (got {quoted(value)}).")
    return number


def in_words(name: str, value: object) -> str:
    """Return the value of a field as users write it: ``all`` points rather than 0.

    >>> in_words("eval_points", 0), in_words("z", (3, 10)), in_words("likelihood_marks", ())
    ('all', '3,10', 'none')
    """
    if name in COUNTS_OF_POINTS and value == 0:
        return ALL
    return (",".join(map(str, value)) or "none") if isinstance(value, tuple) else str(value)
