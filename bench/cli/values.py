"""Types of command-line values: lists of counts, durations, plugin lists."""

from __future__ import annotations

import re

import click

from bench.errors import OptionError
from bench.options import split_list


def count(text: str) -> int:
    """``"1e6"`` -> 1000000; raises ValueError for what is not a whole number."""
    number = float(text)
    if not number.is_integer():
        raise ValueError(text)
    return int(text) if text.strip().lstrip("+-").isdigit() else int(number)


class Count(click.ParamType):
    """A whole number of at least ``least``; 1e6 is one."""

    name = "count"

    def __init__(self, least: int) -> None:
        """``least`` is the smallest allowed."""
        self.least = least

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Fails with what is allowed and what was given."""
        try:
            number = count(str(value))
        except (ValueError, OverflowError):
            self.fail(f"must be a whole number such as 1000 or 1e6 (got {str(value)!r}).", param, ctx)
        if number < self.least:
            self.fail(f"must be at least {self.least} (got {value}).", param, ctx)
        return number


class Counts(Count):
    """Whole numbers separated by commas."""

    name = "counts"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:  # type: ignore[override]  # a list of what the parent converts
        """Fails as `Count` does, for the entry that is wrong."""
        if isinstance(value, tuple):
            return value
        return tuple(super(Counts, self).convert(part, param, ctx) for part in str(value).split(","))


class Seeds(Counts):
    """``5`` is seeds 0 to 4; ``3,7`` is those two, and so is ``3,`` one."""

    name = "seeds"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Fails as `Count` does."""
        text = str(value)
        if isinstance(value, tuple) or "," in text:
            return super().convert(value if isinstance(value, tuple) else text.rstrip(","), param, ctx)
        return tuple(range(Count(1).convert(text, param, ctx)))


class Names(click.ParamType):
    """Plugin names separated by commas; commas inside brackets belong to a plugin."""

    name = "names"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Fails for brackets that do not match and for empty entries."""
        if isinstance(value, tuple):
            return value
        try:
            return tuple(split_list(str(value)))
        except OptionError as error:
            self.fail(str(error), param, ctx)


class Duration(click.ParamType):
    """``90``, ``90s``, ``30m`` or ``2h``, in seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Fails with what is allowed and what was given."""
        match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", str(value).strip())
        seconds = float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else 0.0
        if seconds <= 0:
            self.fail(f"must be a time above 0 such as 90s, 30m or 2h (got {str(value)!r}).", param, ctx)
        return seconds
