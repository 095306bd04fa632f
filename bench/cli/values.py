"""Types of command-line values: counts, lists of counts, lists of plugins, durations.

Each is a function of text, as click takes them for ``type``; a refusal says what is allowed and what was given.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import click

from bench.errors import OptionError
from bench.options import split_list


def count(least: int) -> Callable[[str], int]:
    """A whole number of at least ``least``, also written as 1e6."""

    def count(text: object) -> int:
        digits = str(text).strip()
        try:
            number = int(digits) if digits.lstrip("+-").isdigit() else float(digits)
        except ValueError:
            number = float("nan")
        if not float(number).is_integer():
            raise click.BadParameter(f"must be a whole number such as 1000 or 1e6 (got {digits!r}).")
        if number < least:
            raise click.BadParameter(f"must be at least {least} (got {digits}).")
        return int(number)

    return count


def counts(least: int) -> Callable[[str], tuple[int, ...]]:
    """Whole numbers of at least ``least``, separated by commas."""
    entry = count(least)

    def counts(text: str) -> tuple[int, ...]:
        return tuple(entry(part) for part in text.split(","))

    return counts


def seeds(text: str) -> tuple[int, ...]:
    """``5`` is seeds 0 to 4; ``3,7`` is those two; ``3,`` is that one."""
    if "," in text:
        return counts(0)(text.rstrip(","))
    return tuple(range(count(1)(text)))


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
    if seconds <= 0:
        raise click.BadParameter(f"must be a time above 0 such as 90s, 30m or 2h (got {text!r}).")
    return seconds
