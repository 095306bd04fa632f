"""Types of command-line values: counts, lists of counts, lists of plugins, durations.

Each is a function of text, as click accepts for ``type``; error messages state what is allowed and what was given.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Literal

import click

from bench.errors import OptionError
from bench.studies.fields import ALL
from bench.values.calls import split_list
from bench.values.numerals import LARGEST_INTEGER, read_whole_number
from bench.values.texts import MOST_QUOTED, printable, quoted


def count(least: int) -> Callable[[str], int]:
    """A whole number of at least ``least``, also written as 1e6."""

    def count(text: object) -> int:
        digits = str(text).strip()
        number = read_whole_number(digits)
        if number is None:
            raise click.BadParameter(f"must be a whole number such as 1000 or 1e6 (got {quoted(digits)}).")
        if not least <= number <= LARGEST_INTEGER:
            bound = f"at least {least}" if number < least else f"at most {LARGEST_INTEGER}"
            raise click.BadParameter(f"must be {bound} (got {printable(digits, MOST_QUOTED)}).")
        return number

    return count


def count_or_all(least: int) -> Callable[[str], int | Literal["all"]]:
    """Like `count`, but also accepts ``all``."""
    number = count(least)

    def count_or_all(text: str) -> int | Literal["all"]:
        try:
            return "all" if text.strip() == ALL else number(text)
        except click.BadParameter as error:
            raise click.BadParameter(error.message.replace(" (got", f", or {ALL} (got", 1)) from error

    return count_or_all


def counts(least: int) -> Callable[[str], tuple[int, ...]]:
    """Whole numbers of at least ``least``, separated by commas."""
    entry = count(least)

    def counts(text: str) -> tuple[int, ...]:
        return tuple(entry(part) for part in text.split(","))

    return counts


def seeds(text: str) -> int | tuple[int, ...]:
    """``5`` is five seeds, 0 to 4; ``3,7`` is those two; ``3,`` is that one."""
    if "," in text:
        return counts(0)(text.rstrip(","))
    return count(1)(text)


def names(text: str) -> tuple[str, ...]:
    """Plugin names separated by commas; commas inside brackets belong to a plugin."""
    try:
        return tuple(split_list(text))
    except OptionError as error:
        raise click.BadParameter(str(error)) from error


def duration(text: str) -> float:
    """``90``, ``90s``, ``30m`` or ``2h``, in seconds."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip())
    seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise click.BadParameter(f"must be a time above 0 such as 90s, 30m or 2h (got {quoted(text)}).")
    return seconds
