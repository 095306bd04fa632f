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


def shown(width: int, docstring: str = DOCSTRING, *, color: bool = False) -> list[str]:
    text = io.StringIO()
    console = Console(file=text, width=width, force_terminal=color, color_system="standard" if color else None)
    docstrings.show(docstring, console)
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


def test_an_example_longer_than_the_width_stays_whole() -> None:
    """A line broken by the terminal's width could not be copied; one cut off at the width would be wrong."""
    example = ">>> f(" + ", ".join(f"argument_{i}=number_{i}" for i in range(9)) + ")  # a comment after it"
    assert example in shown(40, f"Summary.\n\n    {example}\n    2\n")
    assert f"    {example}" in shown(40, f"Summary.\n\n    Example:\n        {example}\n        2\n")


def test_source_and_cost_begin_lines_of_their_own() -> None:
    text = "Summary.\n\n    A text.\n    Source: Doe\n    2020, part 3. Cost of a step on M points: 2 M. No Source: x."
    source, cost = "Source: Doe 2020, part 3.", "Cost of a step on M points: 2 M. No Source: x."
    assert shown(100, text)[2:] == ["A text.", source, cost]
