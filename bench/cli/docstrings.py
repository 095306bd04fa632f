"""Docstrings as people read them: paragraphs fill the width, and backticks become styling."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

CODE = "cyan"

_CODE = re.compile(r"(`+)(.+?)\1")
_ITEM = re.compile(r"(?P<mark>[-*]|\d+\.) +(?P<text>.*)")
_SPACES = re.compile(r" {2,}")
_BEFORE_LABEL = re.compile(r"(?<=\.)\s+(?=Sources?:|Cost\b[^.:]*:)")  # end of a sentence


def inline(text: str) -> Text:
    """The text with the parts in backticks styled as code, and the backticks removed.

    >>> inline("the ``auto`` of `Options`").plain
    'the auto of Options'
    """
    styled, end = Text(), 0
    for match in _CODE.finditer(text):
        styled.append(text[end : match.start()]).append(match[2], CODE)
        end = match.end()
    return styled.append(text[end:])


def show(docstring: str, console: Console) -> None:
    """Print the blocks of a docstring with a blank line between them.

    Paragraphs and list items are reflowed, and "Source:" and "Cost:" start new lines.  Indented lines and examples are
    unchanged, however narrow the terminal, so that they can be copied.
    """
    for block in _blocks(docstring):
        verbatim = isinstance(block, Text) and bool(block.no_wrap)
        console.print(block, markup=False, highlight=False, soft_wrap=verbatim)


def _blocks(docstring: str) -> Iterator[RenderableType]:
    for i, block in enumerate(re.split(r"\n\s*\n", inspect.cleandoc(docstring))):
        if i > 0:
            yield ""
        yield from _block(block.splitlines())


def _block(lines: list[str]) -> Iterator[RenderableType]:
    if lines[0].startswith((" ", ">>>")):
        yield from map(_verbatim, lines)
        return
    for piece in _pieces(lines):
        if piece.startswith(" "):
            yield _verbatim(piece)
            continue
        text = _SPACES.sub(" ", piece)
        item = _ITEM.fullmatch(text)
        if item is not None:
            row = Table.grid(padding=(0, 1))
            row.add_row(item["mark"], inline(item["text"]))
            yield row
        else:
            yield from map(inline, _BEFORE_LABEL.split(text))


def _pieces(lines: list[str]) -> Iterator[str]:
    """Lines that belong together, joined: paragraphs, list items with their continuation, single indented lines."""
    piece = ""
    for line in lines:
        indented, in_item = line.startswith(" "), bool(_ITEM.fullmatch(piece))
        begins_item = bool(_ITEM.fullmatch(line)) and (in_item or piece == "" or piece.endswith(":"))  # else a minus
        if piece and not begins_item and indented == in_item and not piece.startswith(" "):
            piece += " " + line.strip()
            continue
        if piece:
            yield piece
        piece = line
    yield piece


def _verbatim(line: str) -> Text:
    return Text(line, no_wrap=True, overflow="ignore")
