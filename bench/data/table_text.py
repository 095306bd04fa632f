"""The text of a table: its lines, what separates the values, and the numbers in them."""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from bench.data.limits import MAX_WHOLE, check_bytes
from bench.errors import DataError

Array = npt.NDArray[Any]

SEPARATORS = {";": "semicolons", "\t": "tabs", ",": "commas"}  # in the order of preference; else spaces
NUM_PEEKED = 4096  # bytes that show whether a file is text
NUM_SAMPLED = 50  # lines that show what separates the values
DECIMAL = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")


class Line(NamedTuple):
    """A line that is not blank: its number, from 1, and its text."""

    number: int
    text: str


@dataclass(frozen=True)
class Table:
    """The lines of a table, and the character between its values; None for spaces."""

    path: Path
    lines: list[Line]

    @cached_property
    def separator(self) -> str | None:
        """A semicolon or a tab is no part of a number, a comma may be; spaces only if there is nothing else."""
        sample = [re.sub(r'"[^"]*"', "", line.text) for line in self.lines[:NUM_SAMPLED]]
        separator = next((mark for mark in SEPARATORS if any(mark in text for text in sample)), None)
        has_spaces = any(len(text.split()) > 1 and all(map(is_number, text.split())) for text in sample)
        return separator or (None if has_spaces else ",")

    def cells(self, line: Line) -> list[str]:
        """The values of a line as text, without quotes."""
        if self.separator is None:
            return line.text.split()
        return [cell.strip() for cell in next(csv.reader([line.text], delimiter=self.separator, skipinitialspace=True))]

    def words(self) -> list[str]:
        """A remark on the separator, if it is not the comma."""
        name = SEPARATORS.get(self.separator or "", "spaces")
        return [] if name == "commas" else [f"separated by {name}"]


def parse(path: Path) -> Table:
    """The lines of a file, in UTF-8 with or without a byte-order mark."""
    check_bytes(path, MAX_WHOLE)
    with path.open("rb") as stream:
        raw = stream.read(NUM_PEEKED)
        if b"\0" not in raw:
            raw += stream.read()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(f"{path} must be UTF-8 text (it is UTF-16): save it as 'CSV UTF-8'.") from error
        raise DataError(
            f"{path} must be UTF-8 text (byte {error.start} is not; it may be truncated or damaged): save it as "
            "'CSV UTF-8'."
        ) from error
    if "\0" in text:
        raise DataError(f"{path} must be text (it holds NUL characters): it may be truncated or damaged.")
    split = re.split("\r\n|\n|\r", text)
    return Table(path, [Line(number, line) for number, line in enumerate(split, 1) if line.strip()])


def numbers(table: Table, body: Sequence[Line], kept: Sequence[int], names: Sequence[str]) -> tuple[Array, list[str]]:
    """[N, D] of the ``kept`` columns, and what is said of decimal commas."""
    texts, separator = [line.text for line in body], table.separator
    if any('"' in text for text in texts):
        texts, separator = _unquoted(table, body), ";"
    words = []
    if separator != "," and any("," in text for text in texts):
        texts, words = _with_points(table, texts, separator), ["decimal commas"]
    if len({_width(text, separator) for text in texts}) > 1:
        raise DataError(f"{table.path} must {_broken_rule(table, body, kept, names)}.")
    try:
        values = np.loadtxt(texts, delimiter=separator, ndmin=2, comments=None, usecols=kept)
    except ValueError as error:
        wrong = _broken_rule(table, body, kept, names) or f"be a plain table of numbers ({error})"
        raise DataError(f"{table.path} must {wrong}.") from error
    return values, words


def is_number(cell: str) -> bool:
    """Whether a cell holds a finite or infinite number, or nan.

    >>> [is_number(cell) for cell in ("1e-3", "nan", "1_000", "", "x")]
    [True, True, False, False, False]
    """
    try:
        float(cell)
    except ValueError:
        return False
    return "_" not in cell


def _unquoted(table: Table, body: Sequence[Line]) -> list[str]:
    """The lines without quotes, separated by semicolons."""
    return [";".join(cell.replace(";", "?") for cell in table.cells(line)) for line in body]


def _width(text: str, separator: str | None) -> int:
    return len(text.split()) if separator is None else text.count(separator) + 1


def _with_points(table: Table, texts: list[str], separator: str | None) -> list[str]:
    """The lines with decimal points in the place of commas; raises DataError if the commas may be others."""
    cells = {cell.strip() for text in texts for cell in text.split(separator) if "," in cell}
    if not all(map(DECIMAL.fullmatch, cells)) or any("." in text for text in texts):
        odd = next((cell for cell in sorted(cells) if not DECIMAL.fullmatch(cell)), min(cells))
        raise DataError(f"{table.path} must hold numbers with one decimal sign (got '{odd}'): write a decimal point.")
    if all(map(THOUSANDS.fullmatch, cells)):
        raise DataError(
            f"{table.path} has a comma before three digits everywhere (as in '{min(cells)}'), so that it may stand "
            "for thousands or for the decimal point: write a decimal point, or nothing."
        )
    return [text.replace(",", ".") for text in texts]


def _broken_rule(table: Table, body: Sequence[Line], kept: Sequence[int], names: Sequence[str]) -> str:
    """The requirement that the first ragged or non-numeric line violates (columns from 1); empty if none does."""
    first, width = body[0].number, len(table.cells(body[0]))
    for number, cells in ((line.number, table.cells(line)) for line in body):
        if len(cells) != width:
            return (
                f"have equally many values in every line (got {width} in line {first}, {len(cells)} in line {number})"
            )
        for column in kept:
            if not is_number(cells[column].replace(",", ".")):
                what = f"'{cells[column]}'" if cells[column] else "no value"
                name = names[column] if names and names[column] else column + 1
                where = f"line {number}, column {column + 1}"
                advice = f"fill it in, or leave the column out by drop={name}"
                return f"hold numbers (got {what} in {where}): {advice}"
    return ""
