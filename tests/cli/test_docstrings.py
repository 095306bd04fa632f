"""How docstrings are shown: paragraphs fill the width, lists and indented blocks stay what they are."""

from __future__ import annotations

import io

from rich.console import Console

from bench.cli import docstrings

DOCSTRING = """The first line, with ``code`` and `Names`.

    A paragraph that was
    wrapped early, and a difference x
    - y that is no item of a list.

    - an item with a
      continuation
    - another one
    1. and a number

    What is raised:
        ValueError: for `x`.

        as it   stands
          here

    >>> f("``kept``")
    2
    """


def shown(width: int, *, color: bool = False) -> list[str]:
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=color, color_system="standard" if color else None)
    for block in docstrings.rendered(DOCSTRING):
        console.print(block, markup=False, highlight=False)
    return [line.rstrip() for line in text.getvalue().splitlines()]


def test_blocks_keep_their_kind() -> None:
    assert shown(100) == [
        "The first line, with code and Names.",
        "",
        "A paragraph that was wrapped early, and a difference x - y that is no item of a list.",
        "",
        "- an item with a continuation",
        "- another one",
        "1. and a number",
        "",
        "What is raised:",
        "    ValueError: for `x`.",
        "",
        "    as it   stands",
        "      here",
        "",
        '>>> f("``kept``")',
        "2",
    ]


def test_what_is_narrow_is_wrapped_and_items_hang() -> None:
    lines = shown(20)
    assert lines[5:8] == ["difference x - y", "that is no item of a", "list."]
    assert lines[9:11] == ["- an item with a", "  continuation"]


def test_code_is_styled_on_a_terminal() -> None:
    assert shown(100, color=True)[0] == "The first line, with \x1b[36mcode\x1b[0m and \x1b[36mNames\x1b[0m."
